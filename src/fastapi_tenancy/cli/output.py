"""What the command writes: its own stdout, stderr for everything else, no password on either."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from rich.console import Console

from fastapi_tenancy.cli.streams import (
    aside_on,
    reopen_closed_files,
    report_on,
    silence_stdout,
)
from fastapi_tenancy.cli.words import visible
from fastapi_tenancy.model.url import masked

_NOT_SHOWN = re.compile(r"[\x7f-\x9f\ud800-\udfff]")
"""What json leaves as it is, but a terminal obeys or no encoding can hold."""
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
        kept, aside = os.dup(1), os.dup(2)
        os.dup2(2, 1)
        try:
            with report_on(kept) as file, aside_on(aside) as err:
                self._file, self.out, self.err = file, console_on(file), console_on(err)
                yield
        finally:
            with contextlib.suppress(OSError, ValueError):  # closed by a revision, or a full disk
                sys.stdout.flush()
            os.dup2(kept, 1)
            os.dup2(aside, 2)
            os.close(kept)
            os.close(aside)
            reopen_closed_files()
            self._file, self.out = sys.stdout, console_on(sys.stdout)
            self.err = console_on(sys.stderr)

    def say(self, text: str = "", *, style: str | None = None, end: str = "\n") -> None:
        """Write a line for people on stdout; nothing with ``--json``."""
        if not self.json:
            self.out.print(visible(masked(text)), style=style, end=end, soft_wrap=True)

    def tell(self, text: str, *, style: str | None = None) -> None:
        """Write a line for people on stderr."""
        self.err.print(visible(masked(text)), style=style, soft_wrap=True)

    def warn(self, warnings: Iterable[str]) -> None:
        """Write warnings for people on stderr, a line each."""
        for warning in warnings:
            self.tell(f"warning: {warning}", style="yellow")

    def write(self, text: str) -> None:
        """Write to stdout as it is."""
        self._file.write(text)

    def document(self, values: Mapping[str, Any]) -> None:
        """Write the one document of ``--json``; its texts were masked by whoever made it."""
        text = json.dumps(values, ensure_ascii=False, indent=2)
        self._file.write(_NOT_SHOWN.sub(lambda m: f"\\u{ord(m[0]):04x}", text) + "\n")

    def flush(self) -> None:
        """Write what was kept back until now.

        Raises:
            UnwritableError: stdout does not take it.
        """
        self._file.flush()

    def error(self, text: str, *, aside: bool = False) -> None:
        """Say what went wrong, on stderr, and as the document of ``--json``.

        Args:
            aside: on stderr alone, because stdout is what went wrong.
        """
        if self.json and not aside:
            try:
                self.document({"error": masked(text)})
                self.flush()
            except OSError:
                silence_stdout()
        with contextlib.suppress(OSError):  # a full disk: nobody is left to tell
            self.err.print("error:", style="bold red", end=" ")
            self.tell(text)


class _Console(Console):
    """Rich's own would end the process with 1, which means failed tenants."""

    def on_broken_pipe(self) -> None:
        """Leave it to whoever printed."""
        raise  # noqa: PLE0704 - called while the error is handled


def console_on(file: TextIO) -> Console:
    """A console that takes text as it is: colours on a terminal only, and NO_COLOR honoured."""
    width = None if file.isatty() else _ENDLESS
    return _Console(file=file, width=width, markup=False, highlight=False, emoji=False)
