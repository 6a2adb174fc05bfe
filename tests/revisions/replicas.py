"""Starts several processes that serve one fleet, all at the same moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from programs import Program


class Replica:
    """A process; it waits for ``go``."""

    def __init__(self, folder: Path, names: list[str], settings: dict[str, Any]) -> None:
        asked = json.dumps({"settings": settings, "names": names})
        self.process = Program(Path(__file__).with_name("replica.py"), asked, cwd=folder)

    def go(self) -> None:
        """Let it go on from where it waits."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def says(self) -> str:
        """The next thing it says; nothing where it has ended."""
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        """Let it stop, and return its exit code."""
        self.process.communicate(timeout=120)
        return self.process.wait(0)


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
