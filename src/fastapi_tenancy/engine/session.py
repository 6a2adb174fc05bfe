"""One worker's connection: psycopg for what is replayed, SQLAlchemy over it for what runs live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from sqlalchemy import Connection, NullPool, create_engine, event
from sqlalchemy.engine import Engine

from fastapi_tenancy.engine.closed import refused
from fastapi_tenancy.engine.follower import Follower
from fastapi_tenancy.engine.statements import outside_transaction
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.connect import connect

_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


LATER = "SET LOCAL synchronous_commit TO off"
"""The run makes all its commits durable at once, before it reads them back (``make_durable``)."""

SearchPath = Callable[[Target], str]
"""The quoted search path of a target."""


class Session:
    """A connection aimed at one target after another; no setting outlives a transaction.

    The psycopg connection stays in autocommit mode except while SQLAlchemy uses it.
    """

    def __init__(
        self,
        address: str,
        search_path: SearchPath,
        *,
        settings: str,
        connect_timeout_s: float,
        later: bool = False,
    ) -> None:
        """Args:
        later: commits need not be on disk at once; somebody makes them durable at the end.
        """
        self.address = address
        self._later = later
        self._search_path = search_path
        self._settings = settings
        self._connect_timeout_s = connect_timeout_s
        self._raw: psycopg.Connection | None = None
        self._alchemy: Connection | None = None
        self._target: Target | None = None
        self.remembered: dict[str, None] = {}
        """Schemas read or served over this connection: the server's process remembers them."""
        self._served = 0
        self.recorded: list[str] | None = None
        """Statements sent through SQLAlchemy, while somebody wants to compare them."""
        self.follower: Follower | None = None
        """Follows what is sent, while a revision runs live."""

    @property
    def target(self) -> Target:
        """The target every transaction is aimed at."""
        assert self._target is not None  # noqa: S101 - aim() comes first
        return self._target

    def aim(self, target: Target, recycle_after: int) -> None:
        """Turn to a target; after ``recycle_after`` of them, on a new connection.

        A server process caches every relation it has seen, for its whole life.
        """
        if self._served >= recycle_after:
            self.close()
        self._served += 1
        self._target = target
        self.remembered[target.schema] = None

    @property
    def prefix(self) -> str:
        """What makes a transaction one of this target; it ends with the transaction."""
        path = self._search_path(self.target)
        aimed = f"SET LOCAL search_path TO {path}" if path else ""
        return "; ".join(filter(None, (aimed, self._settings)))

    @property
    def opening(self) -> str:
        """The prefix of a transaction that is sent whole."""
        return "; ".join(filter(None, (self.prefix, LATER if self._later else "")))

    @property
    def raw(self) -> psycopg.Connection:
        """The psycopg connection, opened when first needed or lost."""
        if self._raw is not None and self._raw.closed:
            self.close()
        if self._raw is None:
            self._raw = self.open()
        return self._raw

    def open(self, **options: str) -> psycopg.Connection:
        """Another connection to the same database, in autocommit mode."""
        return connect(self.address, self._connect_timeout_s, **options)

    def open_aimed(self) -> psycopg.Connection:
        """Another connection whose search path is the target's from its start to its end.

        Raises:
            MigrationFailedError: something in between (a pooler) does not pass the path on.
        """
        path = self._search_path(self.target)
        if not path:
            return self.open()
        option = re.sub(r"([\\\s])", r"\\\1", path)
        connection = self.open(options=f"-c search_path={option}")
        row = connection.execute("SHOW search_path").fetchone()
        if row is None or row[0] != path:
            connection.close()
            raise MigrationFailedError(
                f"the search path {path} did not reach the server: a pooler in between drops"
                " startup options. Write the schema into the statement, or give a database_url"
                " that goes to PostgreSQL directly"
            )
        return connection

    def send(self, message: str) -> None:
        """Send one message; several statements in it are one transaction.

        libpq is asked directly: a cursor that nobody reads from costs twice the processor time.

        Raises:
            psycopg.Error: as a cursor would.
        """
        connection = self.raw.pgconn
        result = connection.exec_(message.encode())
        if result.status not in _FINE:
            raise refused(connection, result)

    @contextmanager
    def alchemy(self) -> Iterator[Connection]:
        """The SQLAlchemy connection, for the life of the block in transactional mode."""
        raw = self.raw
        if self._alchemy is None:
            self._alchemy = self._engine().connect()
        raw.autocommit = False
        # Inspectors and autogenerate take unqualified names to be in this schema.
        self._alchemy.dialect.default_schema_name = self.target.schema
        try:
            yield self._alchemy
        finally:
            self._settle(raw)

    def _settle(self, raw: psycopg.Connection) -> None:
        if self._alchemy is not None and not raw.closed:
            self._alchemy.rollback()
            raw.rollback()
            raw.autocommit = True

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        alchemy, raw = self._alchemy, self._raw
        self._alchemy, self._raw, self._served = None, None, 0
        self.remembered = {}
        if alchemy is not None:
            alchemy.invalidate()
            alchemy.close()
            alchemy.engine.dispose()
        if raw is not None:
            raw.close()

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        if self._raw is not None and not self._raw.closed:
            self._raw.cancel_safe(timeout=2)

    def _engine(self) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://", creator=self._lend, poolclass=NullPool, use_native_hstore=False
        )
        for name, listener in (
            ("begin", self._on_begin),
            ("commit", self._on_commit),
            ("savepoint", self._on_savepoint),
            ("rollback", self._on_rollback),
            ("rollback_savepoint", self._on_rollback),
            ("do_execute", self._on_execute),
            ("do_executemany", self._on_execute_many),
            ("do_execute_no_params", self._on_execute_no_params),
            ("before_cursor_execute", self._on_statement),
        ):
            event.listen(engine, name, listener)
        return engine

    def _lend(self) -> psycopg.Connection:
        if self._alchemy is None:
            return self.raw
        # A revision that opens a second connection expects to be at the same tenant.
        second = self.open_aimed()
        second.autocommit = False
        return second

    def _on_begin(self, connection: Connection) -> None:
        raw = self._driver(connection)
        if raw is self._raw and not raw.autocommit:
            raw.execute(self.prefix.encode())

    def _on_commit(self, connection: Connection) -> None:
        raw = self._driver(connection)
        if raw is self._raw and not raw.autocommit and self.follower is not None:
            self.follower.commit(raw)

    def _on_savepoint(self, connection: Connection, name: str) -> None:
        if self._driver(connection) is self._raw and self.follower is not None:
            self.follower.savepoint(name)

    def _on_rollback(self, connection: Connection, name: str = "", _context: Any = None) -> None:
        if self._driver(connection) is self._raw and self.follower is not None:
            self.follower.rolled_back(name)

    def _on_execute(self, cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return self._follow(cursor, statement, parameters, cursor.execute)

    def _on_execute_many(self, cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return self._follow(cursor, statement, parameters, cursor.executemany, len(parameters))

    def _on_execute_no_params(self, cursor: Any, statement: str, _context: Any) -> bool:
        return self._follow(cursor, statement, None, lambda sql, _none: cursor.execute(sql))

    def _follow(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        send: Callable[[str, Any], object],
        count: int = 1,
    ) -> bool:
        raw: psycopg.Connection = cursor.connection
        follower = self.follower
        if raw is not self._raw or follower is None:
            return False
        given = parameters is not None
        if follower.skips(statement, parameters=given, count=count):
            return True
        if outside_transaction(statement):
            text = psycopg.ClientCursor(raw).mogrify(statement, parameters) if given else statement
            self._leave(raw, follower, text)
            return True
        with self.marked() if raw.autocommit else nullcontext():
            send(statement, parameters)
            result = cursor.description is not None
            follower.sent(statement, parameters=given, count=count, result=result)
        return True

    @contextmanager
    def marked(self) -> Iterator[None]:
        """A transaction of its own in an autocommit block, aimed and followed like any other."""
        raw, follower = self.raw, self.follower
        raw.autocommit = False
        try:
            raw.execute(self.prefix.encode())
            yield
            if follower is not None:
                follower.commit(raw)
            raw.commit()
        except BaseException:
            if not raw.closed:
                raw.rollback()
            raise
        finally:
            if not raw.closed:
                raw.autocommit = True

    def _leave(self, raw: psycopg.Connection, follower: Follower, statement: str) -> None:
        inside = not raw.autocommit
        if inside:
            follower.commit(raw)
            raw.commit()
            raw.autocommit = True
        try:
            follower.alone(self, statement)
        finally:
            if inside and not raw.closed:
                raw.autocommit = False
                raw.execute(self.prefix.encode())

    def _on_statement(
        self,
        connection: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if self.recorded is None:
            return
        if context is not None and context.execution_options.get("no_parameters"):
            self.recorded.append(statement)
            return
        client = psycopg.ClientCursor(self._driver(connection))
        for values in parameters if executemany else [parameters]:
            self.recorded.append(client.mogrify(statement, values or {}))

    @staticmethod
    def _driver(connection: Connection) -> psycopg.Connection:
        driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        return driver
