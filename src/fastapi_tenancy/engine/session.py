"""One worker's connection: psycopg for what is replayed, lent to SQLAlchemy for what runs live."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from fastapi_tenancy.engine.closed import refused
from fastapi_tenancy.engine.lending import Lending
from fastapi_tenancy.engine.residue import CLEANING, Residue
from fastapi_tenancy.engine.stop import ABORTED
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.server import is_pooled

_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


LATER = "SET LOCAL synchronous_commit TO off"
"""The run makes all its commits durable at once, before it reads them back (``make_durable``)."""

SearchPath = Callable[[Target], str]
"""The quoted search path of a target."""


class Session:
    """A connection aimed at one target after another; nothing of one is left to the next.

    No setting of ours outlives a transaction. What a revision may have left in the session is
    thrown away before it turns to another target; between the stages of one it stays, as under
    Alembic.
    The psycopg connection is always in autocommit mode.
    """

    def __init__(
        self,
        address: str,
        search_path: SearchPath,
        *,
        settings: str,
        connect_timeout_s: float,
        later: bool = False,
        aborted: threading.Event | None = None,
    ) -> None:
        """Args:
        later: commits need not be on disk at once; somebody makes them durable at the end.
        aborted: once it is set, no statement is sent and nothing is committed any more.
        """
        self.address = address
        self._later = later
        self._search_path = search_path
        self._settings = settings
        self._connect_timeout_s = connect_timeout_s
        self._aborted = aborted or threading.Event()
        self._raw: psycopg.Connection | None = None
        self._opening = threading.Lock()
        self._target: Target | None = None
        self._residue = Residue.NOTHING
        self._pooled: bool | None = None
        self.remembered: dict[str, None] = {}
        """Schemas read or served over this connection: the server's process remembers them."""
        self._served = 0
        self.turned = 0.0
        """When it turned to its target, by the clock of ``time.monotonic``."""
        self.lending = Lending(self)
        """What Alembic and the revisions are given of this connection."""

    @property
    def target(self) -> Target:
        """The target every transaction is aimed at."""
        assert self._target is not None  # noqa: S101 - aim() comes first
        return self._target

    def is_at(self, target: Target) -> bool:
        """True when it is aimed at this target."""
        return self._target is not None and self._target.key == target.key

    def aim(self, target: Target, recycle_after: int) -> None:
        """Turn to a target; after ``recycle_after`` of them, on a new connection.

        A server process caches every relation it has seen, for its whole life.
        """
        if self._served >= recycle_after:
            self.close()
        elif self._residue and not self.is_at(target):
            self.clean()
        self._served += 1
        self._target, self.turned = target, time.monotonic()
        self.remembered[target.schema] = None

    def stain(self, residue: Residue) -> None:
        """Say what the coming statements may leave in the session."""
        self._residue = max(self._residue, residue)

    def clean(self) -> None:
        """Throw away what revisions may have left: temporary tables, settings, locks and the like.

        Behind a pooler every transaction has done so by itself.
        """
        residue, self._residue = self._residue, Residue.NOTHING
        if not residue or self._raw is None or self._raw.closed:
            return
        try:
            self.lending.forget()
            if not self.pooled:
                self._raw.execute("DISCARD ALL")
        except psycopg.Error:
            self.close()
        if residue is Residue.CONNECTION:
            self.close()

    def unlock(self) -> None:
        """Give back the advisory locks that the session holds, and go on with the target."""
        try:
            if not self.pooled:
                self.raw.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.Error:
            self.close()

    @property
    def pooled(self) -> bool:
        """True when a pooler gives us a server process that others use between transactions."""
        if self._pooled is None:
            self._pooled = is_pooled(self.raw)
        return self._pooled

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
    def closing(self) -> list[str]:
        """What every transaction ends with; behind a pooler, the next one is somebody else's."""
        return [CLEANING] if self._residue and self.pooled else []

    @property
    def raw(self) -> psycopg.Connection:
        """The psycopg connection, opened when first needed or lost."""
        if self._raw is not None and self._raw.closed:
            self.close()
        if self._raw is None:
            with self._opening:  # it may be warmed up at this moment
                self._raw = self._raw or self.open()
        return self._raw

    @property
    def idle(self) -> bool:
        """True when no transaction is open."""
        return self.raw.pgconn.transaction_status == TransactionStatus.IDLE

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

    def require_going_on(self) -> None:
        """Called before every statement and commit of a revision.

        Raises:
            MigrationFailedError: the run was aborted.
        """
        if self._aborted.is_set():
            raise MigrationFailedError(ABORTED)

    def send(self, message: str) -> None:
        """Send one message; several statements in it are one transaction.

        Raises:
            MigrationFailedError: the run was aborted.
            psycopg.Error: as a cursor would.
        """
        self.require_going_on()
        self.note(message)

    def note(self, message: str) -> None:
        """Send one message of our own, also after an abort: what is done is to be known.

        libpq is asked directly: a cursor that nobody reads from costs twice the processor time.

        Raises:
            psycopg.Error: as a cursor would.
        """
        self.ask(message)

    def ask(self, message: str) -> list[str]:
        """As ``note``; the first column of what its last statement gave.

        Raises:
            psycopg.Error: as a cursor would.
        """
        connection = self.raw.pgconn
        result = connection.exec_(message.encode())
        if result.status not in _FINE:
            raise refused(connection, result)
        return [(result.get_value(n, 0) or b"").decode() for n in range(result.ntuples)]

    def commit(self) -> None:
        """Commit the open transaction."""
        for statement in self.closing:
            self.note(statement)
        self.raw.commit()

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        raw = self._raw
        self._raw, self._served, self._pooled = None, 0, None
        self._residue = Residue.NOTHING
        self.remembered = {}
        self.lending.drop()
        if raw is not None:
            raw.close()

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        if self._raw is not None and not self._raw.closed:
            self._raw.cancel_safe(timeout=2)
