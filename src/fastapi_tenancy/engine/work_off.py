"""A queue worked off by several threads; the first failure among them ends it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

Job = TypeVar("Job")
"""What is taken from the queue."""


def work_off(
    threads: int,
    take: Callable[[int], Job | None],
    work: Callable[[int, Job], None],
    stop: threading.Event,
    join: Callable[[threading.Thread], None] = threading.Thread.join,
) -> None:
    """Have jobs taken and done until none is left, a stop is asked for, or one raises.

    Args:
        take: gives the thread of this number a job, or None when there is none left.
        work: does a job, in the thread of this number.
        join: waits for a thread to end.

    Raises:
        BaseException: the first that ``work`` raised, once every thread has ended.
    """
    failures: list[BaseException] = []

    def serve(number: int) -> None:
        while not stop.is_set() and not failures:
            job = take(number)
            if job is None:
                return
            try:
                work(number, job)
            except BaseException as error:  # carried to the thread that waits
                failures.append(error)

    started = [threading.Thread(target=serve, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        join(thread)
    if failures:
        raise failures[0]


def from_front(queue: deque[Job]) -> Callable[[int], Job | None]:
    """What takes the jobs of a queue in order, whichever thread asks."""

    def take(_: int) -> Job | None:
        try:
            return queue.popleft()
        except IndexError:
            return None

    return take
