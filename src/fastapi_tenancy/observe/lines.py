"""Connections to look at servers with now and then: kept for a while, given up when idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from fastapi_tenancy.observe.connect import connect

Found = TypeVar("Found")

KEPT_S = 30.0
"""Seconds a connection is kept that nobody uses."""
KEPT = 2
"""Connections kept for each address."""


class Lines:
    """Short looks at databases, over connections that are kept between two of them.

    Safe to use from several threads; each look has a connection of its own.
    """

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, list[tuple[float, psycopg.Connection]]] = {}
        self._closings = 0
        """A look that began before a closing keeps nothing after it."""

    def look(
        self, address: str, look: Callable[[psycopg.Connection], Found], *, keep: bool = True
    ) -> Found:
        """Return what ``look`` finds over an autocommit connection.

        Args:
            look: may be called twice: a kept connection can be dead.
            keep: whether others will soon look there.

        Raises:
            ServerUnreachableError: the server did not take the connection.
            psycopg.Error: as ``look`` does.
        """
        begun, kept = self._closings, self._taken(address)
        if kept is not None:
            try:
                return self._used(address, kept, look, begun if keep else None)
            except psycopg.OperationalError:
                if not kept.closed:
                    raise
        # A peer that is gone without a word is not waited for as long as the system would.
        patience = str(round(self._timeout_s * 1000))
        opened = connect(address, self._timeout_s, tcp_user_timeout=patience)
        return self._used(address, opened, look, begun if keep else None)

    def sweep(self) -> bool:
        """Close what nobody has used for a while; True if something is left."""
        with self._lock:
            oldest = self._clock() - KEPT_S
            idle = [c for lines in self._kept.values() for used, c in lines if used <= oldest]
            fresh = {a: [x for x in lines if x[0] > oldest] for a, lines in self._kept.items()}
            self._kept = {address: lines for address, lines in fresh.items() if lines}
        for connection in idle:
            connection.close()
        return bool(self._kept)

    def close(self) -> None:
        """Close every connection that is kept, and those in use as soon as they are not."""
        with self._lock:
            self._closings += 1
            kept, self._kept = self._kept, {}
        for lines in kept.values():
            for _, connection in lines:
                connection.close()

    def _taken(self, address: str) -> psycopg.Connection | None:
        with self._lock:
            lines = self._kept.get(address)
            return lines.pop()[1] if lines else None

    def _used(
        self,
        address: str,
        connection: psycopg.Connection,
        look: Callable[[psycopg.Connection], Found],
        begun: int | None,
    ) -> Found:
        try:
            return look(connection)
        finally:
            if not self._put_back(address, connection, begun):
                connection.close()

    def _put_back(self, address: str, connection: psycopg.Connection, begun: int | None) -> bool:
        if begun is None or connection.closed or not _idle(connection):
            return False
        with self._lock:
            if begun != self._closings:
                return False
            lines = self._kept.setdefault(address, [])
            if len(lines) < KEPT:
                lines.append((self._clock(), connection))
                return True
        return False


def _idle(connection: psycopg.Connection) -> bool:
    return connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
