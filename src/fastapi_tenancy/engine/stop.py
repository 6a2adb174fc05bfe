"""How a run is asked to stop: once to let targets in flight finish, twice to abort them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stop:
    """Set from a signal handler or another thread; looked at by every worker."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.aborted = threading.Event()
        self._on_abort: Callable[[], None] | None = None

    def request(self) -> None:
        """Start no new target; the second call also aborts those in flight."""
        if not self.requested.is_set():
            self.requested.set()
            return
        self.aborted.set()
        if self._on_abort is not None:
            self._on_abort()

    def on_abort(self, callback: Callable[[], None] | None) -> None:
        """Name what ends the work in flight."""
        self._on_abort = callback
