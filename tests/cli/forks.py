"""The one server of a test process that forks others, with everything imported that they need.

There is one for a process, whoever asks for it, and it imports nothing any more once it runs.
Its forks may ask it for forks, too.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parent)
_FORKS = multiprocessing.get_context("forkserver")
_starting = threading.Lock()
_running: list[Fork] = []


class Fork:
    """A process that was forked; threads may share it."""

    def __init__(self, made: Any) -> None:
        self._made = made
        self._looking = threading.Lock()
        self.pid: int = made.pid

    def poll(self) -> int | None:
        """How it ended: None where it runs, minus the number of the signal that ended it."""
        with self._looking:  # it is told once
            code: int | None = self._made.poll()
            return code

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.poll() is None

    def wait(self, timeout: float | None = None) -> int | None:
        """As ``poll``, after its end or so many seconds."""
        wait([self._made.sentinel], timeout)
        return self.poll()


def fork(target: Callable[..., Any], *arguments: Any) -> Fork:
    """Start a process that calls ``target``; the server of forks is started by the first one."""
    ensure_server()
    process: Any = _FORKS.Process(target=target, args=arguments)
    # Not `start()`: a fork may have forks, and the end of a test process waits for none of them.
    made = Fork(process._Popen(process))
    with _starting:
        _running[:] = [made, *(other for other in _running if other.is_alive())]
    return made


@atexit.register
def _end() -> None:
    """Who hangs when the tests are over is ended."""
    for made in _running:
        if made.is_alive():
            os.kill(made.pid, signal.SIGKILL)


def ensure_server() -> str:
    """Start the server unless it runs, and return its address."""
    server: Any = forkserver._forkserver
    with _starting:
        if server._forkserver_address is None:
            _FORKS.set_forkserver_preload(["warm"])
            before = os.environ.get("PYTHONPATH")
            # The server finds what it preloads by this only, and takes it off again.
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, before)))
            try:
                server.ensure_running()
            finally:
                os.environ.pop("PYTHONPATH")
                if before is not None:
                    os.environ["PYTHONPATH"] = before
    address: str = server._forkserver_address
    return address


def share_server(address: str) -> None:
    """In a fork: further forks are made by the server that made this one."""
    server: Any = forkserver._forkserver
    server._forkserver_address = address
    server.ensure_running = lambda: None
