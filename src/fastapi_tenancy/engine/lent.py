"""The psycopg connection that a revision meets: whatever it does, each transaction is aimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from fastapi_tenancy.engine.lending import Lending

Send = Callable[[Any, Any], object]
"""Sends a statement with its parameters, as the cursor would have done by itself."""


class LentCursor(psycopg.Cursor[Any]):
    """A cursor whose statements are followed."""

    connection: LentConnection

    def execute(self, query: Any, params: Any = None, **options: Any) -> LentCursor:
        """Send a statement on the way it has to go."""

        def send(sql: Any, values: Any) -> None:
            super(LentCursor, self).execute(sql, values, **options)

        self.connection.lending.run(self, query, params, send)
        return self

    def executemany(
        self, query: Any, params_seq: Iterable[Any], *, returning: bool = False
    ) -> None:
        """Send a statement for each of the parameters."""
        values = list(params_seq)

        def send(sql: Any, given: Any) -> None:
            self.connection.begin()  # it takes a pipeline, in which nobody else may speak
            super(LentCursor, self).executemany(sql, given, returning=returning)

        self.connection.lending.run(self, query, values, send, len(values))


class LentConnection(psycopg.Connection[Any]):
    """A second face of a session's connection: its own settings, the same line to the server.

    It is thrown away after a target, with all that a revision has set on it. Where psycopg would
    send BEGIN, the transaction is aimed at the tenant too. That hangs on a method of psycopg's
    that has no documentation; a transaction that is not aimed is never committed.
    """

    def __init__(self, raw: psycopg.Connection, lending: Lending) -> None:
        super().__init__(raw.pgconn)
        self.lending = lending
        self.cursor_factory = LentCursor
        # PgBouncer shares server connections.
        self.prepare_threshold = None
        self._given_back = False

    def begin(self) -> None:
        """Open a transaction, unless one is open."""
        with self.lock:
            self.wait(self._start_query())

    def _start_query(self) -> Any:
        """Called by psycopg before every statement of every kind of cursor."""
        self.lending.require_going_on()
        if not self.autocommit and self._idle:
            self.lending.begin(self._get_tx_start_command())
        yield from super()._start_query()

    def commit(self) -> None:
        """Commit with a marker of what is done halfway; the next statement is aimed again."""
        if not self._idle:
            self.lending.commit()
        super().commit()

    def rollback(self) -> None:
        """Roll back, and let nothing follow."""
        if not self._idle:
            self.lending.rolled_back()
        super().rollback()

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """A savepoint in an aimed transaction."""
        if self._idle and self.autocommit:
            with (
                self.lending.marked(),
                super().transaction(savepoint_name, force_rollback) as block,
            ):
                yield block
            return
        self.begin()
        with super().transaction(savepoint_name, force_rollback) as block:
            yield block

    @contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        """A pipeline in a transaction that was aimed before."""
        self.begin()
        with super().pipeline() as block:
            yield block

    def close(self) -> None:
        """Give it back; the line stays open."""
        self._given_back = True

    @property
    def closed(self) -> bool:
        """True when it was given back, or the line is gone."""
        return self._given_back or super().closed

    @property
    def _idle(self) -> bool:
        return self.pgconn.transaction_status == TransactionStatus.IDLE
