"""Questions to the catalogue: one at a time for each name, a few at a time altogether."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi_tenancy.errors import UnavailableError

Key = TypeVar("Key")
Answer = TypeVar("Answer")

AT_ONCE = 4
"""Questions on their way at a time; a catalogue of ours has as many connections."""
WAITING = 1000
"""Names that may wait for their turn; one more is told to come again."""


class Flights(Generic[Key, Answer]):
    """Whoever asks for a name while it is being asked for waits for that answer.

    All questions of one object belong to one event loop. A question goes on where whoever asked
    it first is gone: others may wait for it too.

    Args:
        at_once: questions on their way at a time.
        whom: who is asked, as an error calls it.
    """

    def __init__(
        self,
        ask: Callable[[Key], Awaitable[Answer]],
        *,
        at_once: int = AT_ONCE,
        whom: str = "the catalogue",
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._ask = ask
        self._whom = whom
        self._turn = asyncio.Semaphore(at_once)
        self._under_way: dict[Key, asyncio.Task[Answer]] = {}
        self._all: set[asyncio.Task[Answer]] = set()

    async def answer(self, key: Key) -> Answer:
        """The answer for a name.

        Raises:
            UnavailableError: too many names wait for their turn, or this was closed.
        """
        task = self._under_way.get(key)
        if task is None:
            task = self._begin(key)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if task.cancelled() and asker is not None and not asker.cancelling():
                raise UnavailableError(f"{self._whom} was closed before it had answered") from None
            raise

    def is_under_way(self, key: Key) -> bool:
        """Whether a name is being asked for."""
        return key in self._under_way

    def part(self) -> None:
        """Let nobody who asks from now on wait for a question that is under way."""
        self._under_way = {}

    async def close(self) -> None:
        """Give up the questions under way, where their event loop is this one."""
        self.part()
        if self.loop is not asyncio.get_running_loop():
            return
        tasks = list(self._all)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Key) -> asyncio.Task[Answer]:
        if len(self._all) >= WAITING:
            raise UnavailableError(
                f"{len(self._all)} names wait for an answer of {self._whom} already"
            )
        task = self.loop.create_task(self._in_turn(key))
        self._under_way[key] = task
        self._all.add(task)
        task.add_done_callback(lambda done: self._end(key, done))
        return task

    async def _in_turn(self, key: Key) -> Answer:
        async with self._turn:
            return await self._ask(key)

    def _end(self, key: Key, task: asyncio.Task[Answer]) -> None:
        self._all.discard(task)
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # whoever waited for it may be gone
