"""Wakes whoever waits in an event loop for something that a thread does."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Bell:
    """Rung by any thread; ``rung`` counts how often, so that nobody misses one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[_Waiter] = set()
        self.rung = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._lock:
            self.rung += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits there any more
                loop.call_soon_threadsafe(event.set)

    async def wait(self, heard: int) -> None:
        """Return once it was rung more often than ``heard``."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self.rung > heard:
                return
            self._waiting.add(waiter)
        try:
            await waiter[1].wait()
        finally:
            with self._lock:
                self._waiting.discard(waiter)
