"""What the command writes: its own stdout, stderr for everything else, no password on either."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from fastapi_tenancy.model.url import masked

_ENDLESS = 100_000
"""Columns where nobody looks: lines are cut for a terminal, never for a file or a pipe."""


class Output:
    """Stdout and stderr of one invocation.

    Args:
        json: one document on stdout and nothing else there, errors included.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self._file: TextIO = sys.stdout
        self.out = console_on(sys.stdout)
        self.err = console_on(sys.stderr)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep stdout to this object: whatever else is printed meanwhile goes to stderr.

        File descriptors are swapped, not ``sys.stdout``: env.py and revision files may hold
        the old object, start programs, or log to it.
        """
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
        try:
            with open(kept, "w", encoding="utf-8", errors="replace", closefd=False) as file:
                self._file, self.out = file, console_on(file)
                yield
        finally:
            self._file, self.out = sys.stdout, console_on(sys.stdout)
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)

    def say(self, text: str = "", *, style: str | None = None, end: str = "\n") -> None:
        """Write a line for people on stdout; nothing with ``--json``."""
        if not self.json:
            self.out.print(masked(text), style=style, end=end, soft_wrap=True)

    def tell(self, text: str, *, style: str | None = None) -> None:
        """Write a line for people on stderr."""
        self.err.print(masked(text), style=style, soft_wrap=True)

    def write(self, text: str) -> None:
        """Write to stdout as it is."""
        self._file.write(text)

    def document(self, values: Mapping[str, Any]) -> None:
        """Write the one document of ``--json``; its texts were masked by whoever made it."""
        json.dump(values, self._file, ensure_ascii=False, indent=2)
        self._file.write("\n")

    def error(self, text: str) -> None:
        """Say what went wrong, on stderr, or as the document of ``--json``."""
        if self.json:
            self.document({"error": masked(text)})
        self.err.print("error:", style="bold red", end=" ")
        self.tell(text)


def open_closed_descriptors() -> None:
    """Open stdin, stdout and stderr where a shell closed them (``>&-``).

    Python has None in their place then, and the next file or socket would take their number.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, nowhere)


def console_on(file: TextIO) -> Console:
    """A console that takes text as it is: colours on a terminal only, and NO_COLOR honoured."""
    width = None if file.isatty() else _ENDLESS
    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)
