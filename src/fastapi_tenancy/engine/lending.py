"""Lends a session's connection to Alembic, and takes each statement the way it has to go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as composed
from sqlalchemy import Connection

from fastapi_tenancy.engine.alchemy import driver, make_engine
from fastapi_tenancy.engine.closed import tells
from fastapi_tenancy.engine.control import Control, Piece, pieces
from fastapi_tenancy.engine.lent import LentConnection, Send
from fastapi_tenancy.engine.residue import Residue, is_deep
from fastapi_tenancy.engine.statements import outside_transaction
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.isolation.names import literal

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from fastapi_tenancy.engine.follower import Follower
    from fastapi_tenancy.engine.session import Session

_AIMED = "tenancy.aimed_at"
"""A setting made up here, which ends with the transaction that was aimed."""
_ROLLED_BACK = (
    "it rolls back the transaction it runs in, which would undo more than its own statements."
    " Everything was undone; use a savepoint instead: with op.get_bind().begin_nested()"
)
_PREPARED = (
    "PREPARE TRANSACTION would leave a transaction behind that keeps the version table locked;"
    " it was not sent"
)


class Lending:
    """What Alembic and the revisions are given of a session's connection."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._engine: Engine | None = None
        self._alchemy: Connection | None = None
        self._lent: LentConnection | None = None
        self._ruined = ""
        self._empty = True
        """True while nothing of a revision was sent in the open transaction."""
        self.follower: Follower | None = None
        """Follows what is sent, while a revision runs live."""
        self.recorded: list[str] | None = None
        """Statements sent through SQLAlchemy, while somebody wants to compare them."""

    @contextmanager
    def alchemy(self) -> Iterator[Connection]:
        """The SQLAlchemy connection, for the life of the block in transactional mode."""
        raw = self._session.raw
        lent, alchemy = self._connected(raw)
        self._ruined = ""
        lent.autocommit = False
        # Inspectors and autogenerate take unqualified names to be in this schema.
        alchemy.dialect.default_schema_name = self._session.target.schema
        try:
            yield alchemy
        except Exception as error:
            if raw.closed and tells(error):
                raise psycopg.OperationalError("the connection is lost") from error
            raise
        finally:
            if not raw.closed:
                alchemy.rollback()
                raw.rollback()

    def _connected(self, raw: psycopg.Connection) -> tuple[LentConnection, Connection]:
        if self._lent is None or self._alchemy is None:
            # SQLAlchemy looks around when it connects: nothing of that belongs to a revision.
            follower, self.follower = self.follower, None
            try:
                self._engine = self._engine or make_engine(self)
                self._lent = LentConnection(raw, self)
                self._alchemy = self._engine.connect()
            finally:
                self.follower = follower
        return self._lent, self._alchemy

    def lend(self) -> psycopg.Connection:
        """The connection for the first who asks; a second one that is at the same tenant."""
        if self._lent is not None and self._alchemy is None:
            return self._lent
        second = self._session.open_aimed()
        second.autocommit = False
        return second

    def is_lent(self, raw: psycopg.Connection) -> bool:
        """True for the session's own connection, False for another one."""
        return raw is self._lent

    def forget(self) -> None:
        """Throw away what the revisions of one target may have set on their connection."""
        alchemy, self._alchemy, self._lent = self._alchemy, None, None
        if alchemy is not None:
            alchemy.close()

    def drop(self) -> None:
        """The line is closed."""
        alchemy, self._alchemy, self._lent = self._alchemy, None, None
        if alchemy is not None:
            alchemy.invalidate()
            alchemy.close()

    def require_going_on(self) -> None:
        """Called before each statement.

        Raises:
            MigrationFailedError: the run was aborted, or the revision did what nothing may follow.
        """
        self._session.require_going_on()
        if self._ruined:
            raise MigrationFailedError(self._ruined)

    def start(self) -> None:
        """Open an aimed transaction, unless one is open."""
        if self._lent is not None:
            self._lent.begin()
            self._empty = False

    def begin(self, command: bytes) -> None:
        """Open an aimed transaction by ``command``."""
        self._session.note(f"{command.decode()}; {self._aim}")
        self._empty = True

    @property
    def _aim(self) -> str:
        mark = f"SET LOCAL {_AIMED} TO {literal(self._session.target.name or '-')}"
        return "; ".join(filter(None, (self._session.prefix.rstrip("; "), mark)))

    def require_aimed(self) -> None:
        """The last net under everything that is committed.

        Raises:
            MigrationFailedError: the transaction is not the one that was aimed at the tenant.
        """
        self.require_going_on()
        row = self._session.raw.execute(f"SELECT current_setting('{_AIMED}', true)".encode())
        found = row.fetchone()
        if found is None or found[0] != (self._session.target.name or "-"):
            raise MigrationFailedError(
                "the revision ended its transaction in a way that was not seen, or took back the"
                " settings that aim it at the tenant; what it did since then was rolled back"
            )

    def commit(self) -> None:
        """Commit what was lent, with a marker unless it is the end of the stage."""
        if self.follower is not None:
            self.require_aimed()
            self.follower.commit(self._session)
        if not self._session.idle:
            self._session.commit()

    def rolled_back(self) -> None:
        """The whole transaction is being rolled back."""
        # SQLAlchemy asks for the isolation level in a transaction of its own, and rolls it back.
        if self.follower is not None and not self._empty:
            self._ruined = self._ruined or _ROLLED_BACK
            self.follower.rolled_back()

    def run(self, cursor: Any, query: Any, params: Any, send: Send, count: int = 1) -> None:
        """Send a statement of a revision, or what it stands for.

        Raises:
            MigrationFailedError: it would end the transaction in a way that cannot be followed.
        """
        text = _text(query, cursor)
        if self.follower is None or text is None:
            send(query, params)
            return
        self.require_going_on()
        if is_deep(text):
            self._session.stain(Residue.CONNECTION)
        found = pieces(text)
        if len(found) > 1 and params:  # the server refuses several statements with parameters
            send(query, params)
            return
        for piece in found:
            if piece.control is None:
                self._send(self.follower, cursor, piece.sql, params, send, count)
            else:
                self._control(self.follower, cursor.connection, piece, params, send)

    def _control(
        self, follower: Follower, lent: LentConnection, piece: Piece, params: Any, send: Send
    ) -> None:
        """A statement that begins or ends a transaction, or a part of one."""
        idle = self._session.idle
        match piece.control:
            case Control.COMMIT:
                lent.commit()
            case Control.ROLLBACK:
                if not idle:
                    self._ruin(_ROLLED_BACK)
            case Control.PREPARE:
                self._ruin(_PREPARED)
            case Control.BEGIN if idle and lent.autocommit:
                self.begin(piece.sql.encode())
            case Control.RESET:
                send(piece.sql, params)
                if not self._session.idle:
                    self._session.note(self._aim)
            case _:
                send(piece.sql, params)
                if piece.control is Control.SAVEPOINT:
                    follower.savepoint(piece.name)
                elif piece.control is Control.BACK:
                    follower.rolled_back(piece.name)

    def _ruin(self, why: str) -> None:
        self._ruined = why
        raise MigrationFailedError(why)

    def _send(
        self,
        follower: Follower,
        cursor: Any,
        statement: str,
        params: Any,
        send: Send,
        count: int,
    ) -> None:
        given = params is not None
        self._empty = self._empty and statement[:4].upper() == "SHOW"
        if follower.skips(statement, parameters=given, count=count):
            return
        if outside_transaction(statement):
            client = psycopg.ClientCursor(self._session.raw)
            text = client.mogrify(statement, params) if given else statement
            if not self._session.idle:
                self.commit()
            follower.alone(self._session, text)
            return
        alone = self._session.idle and cursor.connection.autocommit
        with self.marked() if alone else nullcontext():
            send(statement, params)
            result = cursor.description is not None
            follower.sent(statement, parameters=given, count=count, result=result)

    @contextmanager
    def marked(self) -> Iterator[None]:
        """A transaction of its own in an autocommit block, aimed and followed like any other."""
        session = self._session
        try:
            self.begin(b"BEGIN")
            yield
            self.commit()
        except BaseException:
            if not session.raw.closed:
                session.raw.rollback()
            raise

    def record(
        self,
        connection: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        """Keep a statement that SQLAlchemy is about to send."""
        if self.recorded is None:
            return
        if context is not None and context.execution_options.get("no_parameters"):
            self.recorded.append(statement)
            return
        client = psycopg.ClientCursor(driver(connection))
        for values in parameters if executemany else [parameters]:
            self.recorded.append(client.mogrify(statement, values or {}))


def _text(query: Any, cursor: Any) -> str | None:
    """The statement as text; None for what only psycopg can make text of."""
    if isinstance(query, bytes):
        return query.decode()
    if isinstance(query, composed.Composable):
        return query.as_string(cursor)
    return query if isinstance(query, str) else None
