"""How a run is asked to stop: once to let targets in flight finish, twice to abort them."""

from __future__ import annotations

import threading
from collections.abc import Callable

ABORTED = (
    "aborted: the run was interrupted a second time; its transaction was rolled back, run again"
)
"""Why a target in flight failed then."""


class Stop:
    """Set from a signal handler or another thread; looked at by every worker."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.aborted = threading.Event()
        self._on_abort: list[Callable[[], None]] = []

    def request(self) -> None:
        """Start no new target; the second call also aborts those in flight."""
        if not self.requested.is_set():
            self.requested.set()
            return
        self.aborted.set()
        for callback in tuple(self._on_abort):
            callback()

    def on_abort(self, callback: Callable[[], None]) -> None:
        """Name what ends some of the work in flight."""
        self._on_abort.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """The work that this would end is over."""
        self._on_abort.remove(callback)
