"""Runs a Python script as a program of its own, forked from the server of forks: nothing is imported anew."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from forks import Fork, fork


class Program:
    """A script at work, with the face of ``subprocess.Popen``, as much as tests ask of it."""

    def __init__(self, script: Path, *arguments: str, cwd: Path) -> None:
        theirs, ours = zip(*(_pipe(writes=number == 0) for number in range(3)), strict=True)
        self.stdin, self.stdout, self.stderr = ours
        try:
            asked = (str(script), list(arguments), str(cwd), dict(os.environ))
            self._process: Fork = fork(_child, theirs, *asked)
        finally:
            for end in theirs:
                end.close()

    @property
    def returncode(self) -> int | None:
        """Its exit code; minus the number of the signal, where one ended it."""
        return self._process.poll()

    def kill(self) -> None:
        """End it at once."""
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it has not come.
        """
        code = self._process.wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a program", timeout)
        return code

    def communicate(self, timeout: float = 60) -> tuple[str, str]:
        """Say nothing more, wait for its end, and return what it wrote: a page or so at most."""
        self.stdin.close()
        self.wait(timeout)
        written = [end.read() if not end.closed else "" for end in (self.stdout, self.stderr)]
        self.stdout.close()
        self.stderr.close()
        return written[0], written[1]


def _pipe(*, writes: bool) -> tuple[Connection, IO[str]]:
    """Their end and ours."""
    reading, writing = os.pipe()
    if writes:
        return Connection(reading, writable=False), os.fdopen(writing, "w")
    return Connection(writing, readable=False), os.fdopen(reading)


def _child(
    ends: tuple[Connection, ...],
    script: str,
    arguments: list[str],
    cwd: str,
    environment: Mapping[str, str],
) -> None:
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdin = os.fdopen(0, closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, str(Path(script).parent))
    sys.path_importer_cache.clear()
    sys.argv = [script, *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runpy.run_path(script, run_name="__main__")
