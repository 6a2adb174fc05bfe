"""Worker threads with a connection each; never more of them than the budget."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from fastapi_tenancy.engine.queue import Queue
from fastapi_tenancy.engine.recall import recall
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.work_off import work_off
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.positions import Seen, read_again, read_seen

LOOK_EVERY_S = 0.1
"""Seconds between two looks whether the run was aborted."""
Work = Callable[[Session, Target], None]


class Workers:
    """Keeps the sessions of a run; threads are started for each batch of targets."""

    def __init__(self, make: Callable[[], Session], count: int, stop: Stop) -> None:
        self._make = make
        self._count = count
        self._sessions: list[Session] = []
        self._warming: threading.Thread | None = None
        self._stop = stop
        stop.on_abort(self._cancel)

    @property
    def first(self) -> Session:
        """The session used where one is enough."""
        return self._first(1)[0]

    @property
    def pair(self) -> int:
        """How many sessions there are for a pair of targets: two, or one."""
        return min(2, self._count)

    def seat(self, target: Target) -> Session:
        """Where one of a pair is worked on: each on a session of its own, if there are two."""
        pair = self._first(self.pair)
        return next((s for s in pair if s.is_at(target)), min(pair, key=lambda s: s.turned))

    def warm(self, count: int) -> None:
        """Begin to open the first ``count`` connections but for the first, in a thread."""
        self._warmed()
        sessions = self._first(count)

        def open_all() -> None:
            for session in sessions[1:]:
                with contextlib.suppress(TenancyError):  # its worker will say so
                    _ = session.raw

        self._warming = threading.Thread(target=open_all, name="tenancy-warm")
        self._warming.start()

    def _warmed(self) -> None:
        if self._warming is not None:
            self._warming.join()
            self._warming = None

    def each(self, targets: Iterable[Target], work: Work, limit: int) -> None:
        """Do ``work`` for every target, on at most ``limit`` threads, until a stop is asked for.

        ``work`` handles the errors of its target; what it lets through ends the run.
        """
        self._warmed()
        used = self._first(max(1, limit))
        queue = Queue(targets, used)

        def serve(number: int, target: Target) -> None:
            work(used[number], target)

        try:
            work_off(len(used), queue.take, serve, self._stop.requested, self._join)
        finally:
            for session in self._sessions[len(used) :]:
                session.close()

    def _first(self, count: int) -> list[Session]:
        """The first ``count`` sessions, or as many as the budget allows, made when needed."""
        while len(self._sessions) < min(count, self._count):
            self._sessions.append(self._make())
        return self._sessions[:count]

    def learn(
        self, schemas: Sequence[str], seen: Mapping[str, Seen], table: str
    ) -> dict[str, Position]:
        """Positions of targets not served yet, read over all connections, which remember them."""
        self._warmed()
        sessions = self._first(self._count)
        for number, session in enumerate(sessions):
            session.remembered |= dict.fromkeys(schemas[number :: len(sessions)])
        return recall(sessions, schemas, lambda c, share: read_seen(c, share, seen, table))

    def recall(self, schemas: Sequence[str], table: str) -> dict[str, Position]:
        """Positions of the targets that the open connections remember."""
        return recall(self._sessions, schemas, lambda c, share: read_again(c, share, table))

    def disconnect(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._warmed()
        for session in self._sessions:
            session.close()

    def close(self) -> None:
        """Close every connection, and take no abort any more."""
        self._stop.forget(self._cancel)
        self.disconnect()

    def _join(self, thread: threading.Thread) -> None:
        while thread.is_alive():
            thread.join(LOOK_EVERY_S)
            if self._stop.aborted.is_set():
                # A revision may be between two statements when the first cancel arrives.
                self._cancel()

    def _cancel(self) -> None:
        for session in self._sessions:
            session.cancel()
