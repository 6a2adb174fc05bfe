"""The connections of one server, shared by the pools of all its databases."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    from fastapi_tenancy.sessions.pool import SharedPool

PATIENCE_S = 0.1
"""How long others may be served first because they need no new connection."""


class Waiter(NamedTuple):
    """Somebody who waits: for a connection of the pool, or (None) for leave to open one."""

    pool: SharedPool
    turn: asyncio.Future[ConnectionPoolEntry | None]
    since: float


class Allowance:
    """Counts what is open on a server, and hands on what becomes free.

    All of it runs in the thread of one event loop. Whatever closes a connection waits for it,
    so that the server never has more than ``most``.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0
        self._idle: OrderedDict[SharedPool, None] = OrderedDict()
        """Pools with idle connections, the one that was unused longest first."""
        self._waiting: deque[Waiter] = deque()

    def take(self, pool: SharedPool) -> bool:
        """Count one more connection of ``pool``, if there is room or room can be made."""
        if pool.open >= pool.most:
            return False
        if self.open < self.most:
            self._count(pool, 1)
            return True
        return self._evict_for(pool)

    def ask(self, pool: SharedPool) -> Waiter:
        """Stand in line."""
        waiter = Waiter(pool, asyncio.get_running_loop().create_future(), time.monotonic())
        self._waiting.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Stand in line no longer."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def hand_on(self, pool: SharedPool, entry: ConnectionPoolEntry) -> bool:
        """Give a connection that is not used any more to whoever waits; False if nobody does."""
        waiter = self._next_for(pool)
        if waiter is None:
            return False
        self._waiting.remove(waiter)
        if waiter.pool is pool:
            waiter.turn.set_result(entry)
            return True
        self._count(pool, -1)
        self._count(waiter.pool, 1)
        try:
            entry.close()
        finally:
            if waiter.turn.done():  # it has given up meanwhile
                self.closed(waiter.pool)
            else:
                waiter.turn.set_result(None)
        return True

    def closed(self, pool: SharedPool) -> None:
        """Count one connection of ``pool`` less, and let the next in line open one."""
        self._count(pool, -1)
        waiter = next((w for w in self._waiting if self._may_open(w)), None)
        if waiter is not None and self.open < self.most:
            self._waiting.remove(waiter)
            self._count(waiter.pool, 1)
            waiter.turn.set_result(None)

    def note_idle(self, pool: SharedPool, *, idle: bool) -> None:
        """Say whether a pool has idle connections, now that it was used."""
        self._idle.pop(pool, None)
        if idle:
            self._idle[pool] = None

    def _evict_for(self, pool: SharedPool) -> bool:
        other = next(iter(self._idle), None)
        if other is None:
            return False
        entry = other.drop_idle()
        self._count(other, -1)
        self._count(pool, 1)
        try:
            entry.close()
        except BaseException:
            self.closed(pool)
            raise
        return True

    def _next_for(self, pool: SharedPool) -> Waiter | None:
        own = other = None
        for waiter in self._waiting:
            if waiter.turn.done():  # it gives up, and has not left the line yet
                continue
            if waiter.pool is pool and not pool.retired:
                own = own or waiter
            elif self._may_open(waiter):
                other = other or waiter
        if own is None or other is None:
            return own or other
        waited = time.monotonic() - other.since
        return other if waited > PATIENCE_S and other.since < own.since else own

    def _may_open(self, waiter: Waiter) -> bool:
        return waiter.pool.open < waiter.pool.most and not waiter.turn.done()

    def _count(self, pool: SharedPool, more: int) -> None:
        pool.open += more
        self.open += more
