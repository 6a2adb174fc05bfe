"""A terminal: what a person sees of a command, and what they type."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cli_desk import Desk
from cli_process import PATIENCE_S, Done, Running

PRESS_AGAIN_S = 5
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal with a command on it."""

    def __init__(self, master: int, running: Running) -> None:
        self._master = master
        self._running = running
        self.raw = ""

    @property
    def seen(self) -> str:
        """What was written, without control sequences."""
        return _CONTROL.sub("", self.raw).replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Read until this was written."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert self._read(0.1) or self._running.process.is_alive(), self.seen
            assert time.monotonic() < end, self.seen

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def wait(self, *, pressing: str | None = None) -> Done:
        """Read to the end of the command.

        Args:
            pressing: keys pressed once more every few seconds, as people do. Python misses a
                Ctrl-C that comes just before it starts to wait for a line, until the next key.
        """
        end = time.monotonic() + PATIENCE_S
        again = time.monotonic() + PRESS_AGAIN_S
        while self._running.process.is_alive() and time.monotonic() < end:
            self._read(0.05)
            if pressing and time.monotonic() > again:
                self.type(pressing)
                again = time.monotonic() + PRESS_AGAIN_S
        while self._read(0):
            pass
        return self._running.wait()

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._master], [], [], patience_s)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.raw += data.decode()
        return bool(data)


@contextmanager
def terminal(
    desk: Desk, *arguments: str, columns: int = 100, **environment: str
) -> Iterator[Terminal]:
    """Run a command on a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    before = dict(desk.shell.environment)
    desk.shell.environment.update({"TERM": "xterm-256color", **environment})
    try:
        running = desk.shell.start(*arguments, terminal=os.ttyname(slave))
        yield Terminal(master, running)
    finally:
        desk.shell.environment.clear()
        desk.shell.environment.update(before)
        os.close(slave)
        os.close(master)
