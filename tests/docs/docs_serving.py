"""Serves the application of a page, on whatever port is free; the page says 8000."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

PAGE = ":8000"
PATIENCE_S = 60


class Served:
    """A server in a process of its own.

    Args:
        app: what uvicorn is told, such as ``main:app``.
    """

    def __init__(self, app: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._told = folder.parent / f"uvicorn-{self.port}.txt"
        with self._told.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", app, "--port", str(self.port)],
                cwd=folder,
                env=os.environ,
                stdout=out,
                stderr=out,
            )
        self._wait()

    def here(self, text: str) -> str:
        """What a page says, with the real port."""
        return text.replace(PAGE, f":{self.port}")

    def there(self, text: str) -> str:
        """What was printed, with the port of the page."""
        return text.replace(f":{self.port}", PAGE)

    def close(self) -> None:
        """Stop it as a person would."""
        self._process.terminate()
        assert self._process.wait(PATIENCE_S) in (0, -15), self._told.read_text()

    def _wait(self) -> None:
        for _ in range(PATIENCE_S * 20):
            assert self._process.poll() is None, self._told.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                try:
                    self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
            else:
                return
        raise AssertionError(self._told.read_text())
