"""Starts several processes that serve one fleet, all at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Replica:
    """A process; it waits for ``go``."""

    def __init__(self, folder: Path, names: list[str], settings: dict[str, Any]) -> None:
        asked = json.dumps({"settings": settings, "names": names})
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("replica.py")), asked],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go(self) -> None:
        """Let it go on from where it waits."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def says(self) -> str:
        """The next thing it says; nothing where it has ended."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        """Let it stop, and return its exit code."""
        self.process.communicate(timeout=120)
        return self.process.returncode


@contextmanager
def replicas(
    number: int, folder: Path, names: list[str], **settings: Any
) -> Iterator[list[Replica]]:
    """Yield processes that are all about to start."""
    made = [Replica(folder, names, settings) for _ in range(number)]
    try:
        for one in made:
            assert one.says() == "ready"
        yield made
    finally:
        for one in made:
            one.process.kill()
            one.process.communicate()
