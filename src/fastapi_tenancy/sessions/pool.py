"""A pool of connections to one database, within what its server allows all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.util import await_only

from fastapi_tenancy.sessions.allowance import Allowance, Waiter

Returned = Callable[[ConnectionPoolEntry], None]
"""Makes a connection that was given back ready for the next one; may wait, and be cancelled."""


def _as_it_is(_: ConnectionPoolEntry) -> None:
    pass


class SharedPool(Pool):
    """SQLAlchemy's pool, but that what is idle here can be closed for another database.

    Args:
        creator: opens a connection (as in every pool of SQLAlchemy).
        allowance: counts the connections of the whole server.
        kept: connections that stay open while nobody uses them.
        most: connections open at any time.
        patience_s: seconds somebody waits for one.
        returned: called with each connection that is given back.
    """

    _is_asyncio = True

    def __init__(
        self,
        creator: Any,
        allowance: Allowance | None = None,
        kept: int = 5,
        most: int = 15,
        patience_s: float = 30,
        returned: Returned = _as_it_is,
        **others: Any,
    ) -> None:
        super().__init__(creator, **others)
        self._allowance = allowance or Allowance(most)
        self._kept = kept
        self._patience_s = patience_s
        self._returned = returned
        self._idle: deque[ConnectionPoolEntry] = deque()
        self.most = most
        self.open = 0
        self.retired = False

    def _do_get(self) -> ConnectionPoolEntry:
        if self._idle:
            entry = self._idle.pop()
            self._allowance.note_idle(self, idle=bool(self._idle))
            return entry
        if not self._allowance.take(self):
            waited = self._wait()
            if waited is not None:
                return waited
        try:
            return self._create_connection()
        except BaseException:
            self._allowance.closed(self)
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            self._returned(record)
        finally:  # its place is free, whoever was cancelled
            self._put_back(record)

    def _put_back(self, record: ConnectionPoolEntry) -> None:
        if self._allowance.hand_on(self, record):
            return
        if not self.retired and len(self._idle) < self._kept:
            self._idle.append(record)
            self._allowance.note_idle(self, idle=True)
            return
        try:
            record.close()
        finally:
            self._allowance.closed(self)

    def _close_connection(self, connection: Any, *, terminate: bool = False) -> None:
        # SQLAlchemy says good-bye and waits for the answer. Whoever is cancelled for a second time
        # just then would leave without giving the place back.
        hang_up = getattr(connection.driver_connection, "hang_up", None) if terminate else None
        if hang_up is None:
            super()._close_connection(connection, terminate=terminate)
        else:
            hang_up()

    def _wait(self) -> ConnectionPoolEntry | None:
        waiter = self._allowance.ask(self)
        try:
            return await_only(self._turn(waiter))
        except BaseException as error:
            self._allowance.leave(waiter)
            if waiter.turn.done() and not waiter.turn.cancelled():
                self._give_up(waiter.turn.result())
            if isinstance(error, TimeoutError):
                raise NoConnectionError(self._too_few()) from None
            raise

    async def _turn(self, waiter: Waiter) -> ConnectionPoolEntry | None:
        async with asyncio.timeout(self._patience_s):
            return await waiter.turn

    def _give_up(self, got: ConnectionPoolEntry | None) -> None:
        """Pass on what came too late."""
        if got is None:
            self._allowance.closed(self)
        else:
            self._put_back(got)

    def _too_few(self) -> str:
        return (
            f"no connection became free within {self._patience_s:g} s: {self.open} of {self.most}"
            f" are open to this database (session_pool_size, session_max_overflow) and"
            f" {self._allowance.open} of {self._allowance.most} to its server"
            " (session_connections). Raise what is used up, or end sessions sooner"
        )

    def drop_idle(self) -> ConnectionPoolEntry:
        """Hand out the connection that was idle longest, to be closed by whoever asks."""
        entry = self._idle.popleft()
        self._allowance.note_idle(self, idle=bool(self._idle))
        return entry

    def dispose(self) -> None:
        """Close what is idle, and what is in use once it is given back."""
        self.retired = True
        while self._idle:
            entry = self.drop_idle()
            try:
                entry.close()
            finally:
                self._allowance.closed(self)

    def recreate(self) -> SharedPool:
        """A new pool in place of this one, within the same allowance."""
        return SharedPool(
            self._creator,
            allowance=self._allowance,
            kept=self._kept,
            most=self.most,
            patience_s=self._patience_s,
            returned=self._returned,
            recycle=self._recycle,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            pre_ping=self._pre_ping,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def status(self) -> str:
        """How many connections are open, for people."""
        return f"open: {self.open} of {self.most}, of these idle: {len(self._idle)}"
