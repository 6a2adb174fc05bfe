"""Waits for a turn, and looks now and then whether it is needed any more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi_tenancy.revisions.holding import FIRST_PAUSE_S, LONGEST_PAUSE_S


@asynccontextmanager
async def turn(
    turns: asyncio.Semaphore, settled: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bool]:
    """Yield True when a turn has come, or False when it is settled without one.

    Whoever looks keeps the place in the queue. What ``settled`` raises is passed on.
    """
    queued = asyncio.ensure_future(turns.acquire())
    try:
        yield await _has_come(queued, settled)
    finally:
        if not queued.cancel() and not queued.cancelled():
            turns.release()


async def _has_come(queued: asyncio.Task[bool], settled: Callable[[], Awaitable[bool]]) -> bool:
    pause = FIRST_PAUSE_S
    while True:
        # Those who wait are many: they do not all look at once.
        done, _ = await asyncio.wait([queued], timeout=pause * random.uniform(0.5, 1))  # noqa: S311
        if done:
            return True
        if await settled():
            return False
        pause = min(pause * 2, LONGEST_PAUSE_S)
