"""Blocking work of asyncio callers, in threads that nobody else's work can use up.

``asyncio.to_thread`` has one pool for the whole process, of six threads on two processors. Work
that takes long keeps them from everybody, and work that waits there for other work of the same
pool, as a run waits for the catalogue, may wait for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """As many threads as pieces of work may go on at once; each is made when it is needed.

    Args:
        limit: how many.
        name: what they are called.
    """

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; a caller who is cancelled does not stop it."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, self._name)
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)

    def close(self) -> None:
        """Let the threads end with their work; the next ``run`` makes new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)


async def apart(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, done in a thread of its own; cancelled as ``Threads.run``."""
    thread = Threads(1, "tenancy-work")
    try:
        return await thread.run(work)
    finally:
        thread.close()
