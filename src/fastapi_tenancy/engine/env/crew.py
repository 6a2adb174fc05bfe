"""The worker processes of a run, each served by a thread of its own."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from queue import Queue

from fastapi_tenancy.engine.env.job import Answer, Job, Setup
from fastapi_tenancy.engine.env.process import WorkerProcess
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.work_off import from_front, work_off

Done = Callable[[Job, Answer], None]


def crew_size(concurrency: int) -> int:
    """As many processes as can work at once: running env.py takes a processor nearly whole."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(concurrency, allowed))


class Crew:
    """Starts processes when they are first needed and keeps them until the run is over."""

    def __init__(self, setup: Setup, concurrency: int, stop: Stop) -> None:
        self._stop = stop
        self._processes = [WorkerProcess(setup, stop) for _ in range(crew_size(concurrency))]
        self._idle: Queue[WorkerProcess] = Queue()
        for process in self._processes:
            self._idle.put(process)
        self._looping = threading.Lock()
        stop.on_abort(self._abort)

    def each(self, jobs: Iterable[Job], done: Done) -> None:
        """Have every job done until a stop is asked for; ``done`` is told of each, in threads.

        Several servers may ask at once: their jobs take turns. What ``done`` raises ends the run.
        """
        queue = deque(jobs)

        def work(_: int, job: Job) -> None:
            # An env.py that loops goes to the places of other servers too: one at a time.
            with self._looping if job.loops else nullcontext():
                done(job, self._carried_out(job))

        take, count = from_front(queue), min(len(self._processes), len(queue))
        work_off(count, take, work, self._stop.requested)

    def _carried_out(self, job: Job) -> Answer:
        process = self._idle.get()
        try:
            return process.carry_out(job)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End the processes."""
        self._stop.forget(self._abort)
        for process in self._processes:
            process.close()

    def _abort(self) -> None:
        for process in self._processes:
            process.abort()
