"""Keeps two runners apart while a target is between transactions: a lease, renewed while we live.

A claim that ended with a connection would need one more of them for each target, with an open
transaction; a lease needs neither and is free again soon after a runner was killed.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import psycopg

from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.version_table import guard_sql, lock_sql
from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.observe.marker import Marker, read_marker

LEASE_S = 15.0
"""Seconds after which a killed runner's target can be worked on again."""
RENEWAL_S = LEASE_S / 3
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5


class Leases:
    """The leases of one run, renewed by one thread with a connection to each database."""

    def __init__(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = False
        self.owner = uuid.uuid4().hex
        self.stop = stop
        self._active: set[Lease] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def tell_of_waiting(self, table: str) -> None:
        """Say once in a run why nothing seems to happen."""
        with self._lock:
            told, self._told = self._told, True
        if not told:
            self._tell(
                f"waiting for another run that is at work in {table}; if it was killed, its hold"
                f" on each tenant ends {LEASE_S:.0f} seconds after its last sign of life"
            )

    def enter(self, lease: Lease) -> None:
        """Renew ``lease`` until it leaves."""
        with self._lock:
            self._active.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="tenancy-leases")
                self._thread.start()

    def leave(self, lease: Lease) -> None:
        """Renew ``lease`` no longer."""
        with self._lock:
            self._active.discard(lease)

    def close(self) -> None:
        """End the thread and its connection."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _renew(self) -> None:
        lines: dict[str, psycopg.Connection] = {}
        while not self._closed.wait(RENEWAL_S):
            with self._lock:
                active = list(self._active)
            for address in lines.keys() - {lease.address for lease in active}:
                lines.pop(address).close()
            for lease in active:
                _renew_over(lines, lease)
        for connection in lines.values():
            connection.close()


def _renew_over(lines: dict[str, psycopg.Connection], lease: Lease) -> None:
    try:
        connection = lines.get(lease.address)
        if connection is None or connection.closed:
            connection = lines[lease.address] = lease.connect()
        lease.renew(connection)
    except (psycopg.Error, TenancyError):
        # The next round tries again, on a new connection; a lease bridges two rounds.
        lost = lines.pop(lease.address, None)
        if lost is not None:
            lost.close()


class Lease:
    """The lease on one target, from its first statement outside of a transaction to its end."""

    def __init__(self, leases: Leases, table: str, session: Session) -> None:
        self._leases = leases
        self._table = table
        self.address = session.address
        self.connect: Callable[[], psycopg.Connection] = session.open
        self._writing = threading.Lock()
        self.marker: Marker | None = None
        self.resumed = False

    def take(self, session: Session, move: Move, heads: tuple[str, ...]) -> None:
        """Wait for the target to be free, check that it stands at ``heads``, and mark it ours.

        Raises:
            MigrationFailedError: a stop was asked for while another runner was at work.
            psycopg.Error: the target moved meanwhile.
        """
        pause = FIRST_PAUSE_S
        while not self._taken(session, move, heads):
            self.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        self._leases.enter(self)

    def _taken(self, session: Session, move: Move, heads: tuple[str, ...]) -> bool:
        raw = session.raw
        with raw.transaction():
            raw.execute(f"{session.prefix}; {guard_sql(self._table, heads)}".encode())
            found = read_marker(raw, self._table)
            if found.busy(self._leases.owner):
                return False
            self.marker, self.resumed = found.begun(move, self._leases.owner), found.resumes(move)
            raw.execute(self.marker.sql(self._table, LEASE_S).encode())
        return True

    def advance(self, sent: Mapping[str, int], send: Callable[[str], None]) -> None:
        """Write which statements are done, by a message that ``send`` completes and commits."""
        assert self.marker is not None  # noqa: S101 - take() comes first
        with self._renewal_stopped_by_failure():
            marker = replace(self.marker, sent=dict(sent))
            send(marker.sql(self._table, LEASE_S))
            self.marker = marker

    def meet(self, raw: psycopg.Connection, move: Move, head: list[str]) -> bool:
        """Look for another runner, inside of a transaction, once ``head`` has got the guard's lock.

        Returns:
            False when another runner is at work here. What an interrupted one has done of
            ``move`` is known afterwards.
        """
        found = read_marker(raw, self._table, head)
        if found.busy(self._leases.owner):
            return False
        if found.resumes(move):
            self.marker, self.resumed = found.begun(move, self._leases.owner), True
        return True

    def wait(self, pause: float) -> None:
        """Give the other runner some seconds.

        Raises:
            MigrationFailedError: a stop was asked for meanwhile.
        """
        self._leases.tell_of_waiting(self._table)
        if self._leases.stop.wait(pause):
            raise MigrationFailedError(
                "interrupted while another runner was at work in this tenant's schema"
            )

    def commit(self, session: Session, move: Move, sent: Mapping[str, int]) -> None:
        """Commit the open transaction with a marker of what it did of ``move``.

        Raises:
            MigrationFailedError: our lease had run out and another runner has taken over.
        """
        with self._renewal_stopped_by_failure():
            found = read_marker(session.raw, self._table)
            if found.busy(self._leases.owner):
                raise MigrationFailedError(
                    "another runner has taken over this tenant; what was not committed is undone"
                )
            marker = replace(found.begun(move, self._leases.owner), sent=dict(sent))
            session.note(marker.sql(self._table, LEASE_S))
            session.commit()
            self.marker = marker
        self._leases.enter(self)

    @contextlib.contextmanager
    def _renewal_stopped_by_failure(self) -> Iterator[None]:
        """Keep renewals out, for good when the block fails: what is committed is not known then."""
        with self._writing:
            try:
                yield
            except BaseException:
                self._leases.leave(self)
                raise

    def clear_sql(self) -> str | None:
        """The statement that takes the marker away, if there is one; renewal ends here."""
        self._leases.leave(self)
        with self._writing:
            return self.marker.clear_sql(self._table) if self.marker else None

    def renew(self, connection: psycopg.Connection) -> None:
        """Move the end of the lease; skipped while the worker itself is writing."""
        if not self._writing.acquire(blocking=False):
            return
        try:
            if self.marker is not None and self in self._leases._active:
                connection.execute(self.marker.sql(self._table, LEASE_S).encode())
        finally:
            self._writing.release()

    def give_up(self, session: Session) -> None:
        """After a failure: keep what the server has committed, and let the next runner in."""
        self._leases.leave(self)
        with self._writing, contextlib.suppress(psycopg.Error, TenancyError):
            raw = session.raw
            with raw.transaction():
                # A transaction of ours whose end we did not hear of may still be under way.
                raw.execute(f"{session.prefix}; {lock_sql(self._table)}".encode())
                found = read_marker(raw, self._table)
                if found.marker is not None and found.marker.owner == self._leases.owner:
                    raw.execute(found.marker.sql(self._table, 0.0).encode())
