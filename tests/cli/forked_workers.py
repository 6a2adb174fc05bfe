"""Worker processes of a run that are forked from the server of forks: they need not import anything.

They are processes of their own as in a real run: with their own descriptors, session and signals.
What the start of a real one does is proven by the tests that ask for ``real_workers``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from fastapi_tenancy.engine.env.process import WorkerProcess
from forks import Fork, fork

REAL = WorkerProcess._started


class Forked:
    """A fork with the face of ``subprocess.Popen``, as much as a run asks of it."""

    def __init__(self, process: Fork) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        code = self._process.wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a worker", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def use_forked_workers() -> None:
    """From now on this process starts them so."""
    WorkerProcess._started = _started  # type: ignore[method-assign,assignment]


def _started(_self: WorkerProcess, theirs: Connection) -> Forked:
    errors = Connection(os.dup(2), readable=False)
    try:
        return Forked(fork(_child, theirs, errors, sys.path[:], dict(os.environ)))
    finally:
        errors.close()


def _child(channel: Any, errors: Any, path: list[str], environment: dict[str, str]) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(errors.fileno(), number)
    errors.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    sys.path_importer_cache.clear()
    sys.argv = ["-c"]
    descriptor = os.dup(channel.fileno())
    channel.close()
    from fastapi_tenancy.engine.env.worker import main

    main(descriptor)
