"""Runs the command in a process of its own, with real descriptors and signals, and fast.

A fork server has everything imported already; each command is a fork of it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import io
import os
import signal
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from forked_workers import use_forked_workers
from forks import Fork, ensure_server, fork, share_server

PATIENCE_S = 60


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Running:
    """A command at work."""

    process: Fork
    out: Path
    err: Path

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def wait(self) -> Done:
        """Wait for its end; minus the number of the signal, where one ended it."""
        code = self.process.wait(PATIENCE_S)
        if code is None:
            self.signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"hung: {self.out.read_text()}{self.err.read_text()}")
        return Done(code, self.out.read_text(), self.err.read_text())


@dataclass
class Shell:
    """A folder and an environment to run commands in."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def start(
        self,
        *arguments: str,
        merged: bool = False,
        terminal: str | None = None,
        stdin: Path | str = os.devnull,
    ) -> Running:
        """Start ``tenancy`` with these arguments.

        Args:
            merged: write stderr to where stdout goes.
            terminal: the device it is to take for its terminal.
            stdin: the file it reads there, where it has no terminal.
        """
        self.count += 1
        place = self.folder.parent / "written"
        place.mkdir(exist_ok=True)
        out, err = place / f"{self.count}.out", place / f"{self.count}.err"
        err.touch()
        files = (terminal or str(stdin), terminal or str(out), terminal or str(err))
        if terminal:
            out.touch()
        elif merged:
            files = (files[0], str(out), str(out))
        # A daemon, so that a test that fails meanwhile does not wait for it forever.
        asked = (list(arguments), str(self.folder), self.environment)
        return Running(fork(_child, *asked, files, str(err), ensure_server()), out, err)

    def run(self, *arguments: str, merged: bool = False, stdin: Path | str = os.devnull) -> Done:
        """Run ``tenancy`` to its end."""
        return self.start(*arguments, merged=merged, stdin=stdin).wait()


def _child(
    arguments: list[str],
    folder: str,
    environment: Mapping[str, str],
    files: tuple[str, str, str],
    stacks: str,
    server: str,
) -> NoReturn:
    share_server(server)
    use_forked_workers()
    for number, name in enumerate(files):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(name, flags | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
    if os.isatty(0):
        # The terminal's Ctrl-C goes to the session it controls.
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout = _text(1)
    sys.stderr = _text(2)
    os.chdir(folder)
    # A test may have left "." on the path that this process began with, in another folder.
    sys.path_importer_cache.clear()
    # SIGABRT, sent to what hangs, tells where it does.
    faulthandler.enable(os.open(stacks, os.O_WRONLY | os.O_APPEND))
    ours = ("TENANCY_", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES")
    for name in [name for name in os.environ if name.startswith(ours)]:
        del os.environ[name]
    os.environ.update(environment)
    # As an ordinary process has them; the fork server ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = ["tenancy", *arguments]
    code: object = 1
    try:
        from fastapi_tenancy.cli.app import main

        main()
    except SystemExit as end:
        code = end.code
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    raise SystemExit(code)


def _text(number: int) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding="utf-8", line_buffering=os.isatty(number))
