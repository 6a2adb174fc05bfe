"""Descriptors of stdout and stderr that nobody else closes, and what becomes of a full disk."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_tenancy.errors import TenancyError

if TYPE_CHECKING:
    # What a raw file takes has no name at run time before Python 3.12.
    from typing_extensions import Buffer


class UnwritableError(TenancyError):
    """What was to be printed could not be written to stdout."""

    def __init__(self, cause: OSError, before: str = "") -> None:
        self.cause = cause
        super().__init__(
            f"the output could not be written to stdout ({cause.strerror})"
            f"{'; ' if before else ''}{before}"
        )


class _Report(io.FileIO):
    """Stdout: a failure to write is told as what it is."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnwritableError(error) from error


class _Aside(io.FileIO):
    """Stderr: where it cannot be written there is nobody to tell, and the work goes on."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


@contextlib.contextmanager
def report_on(number: int) -> Iterator[io.TextIOWrapper]:
    """A text file on a descriptor, which stays open when the file is closed.

    The first error is the one that is told: closing would only meet it again.
    """
    raw = io.BufferedWriter(_Report(number, "w", closefd=False))
    file = io.TextIOWrapper(raw, encoding="utf-8", errors="replace")
    try:
        yield file
    except BaseException:
        with contextlib.suppress(OSError, UnwritableError):
            file.close()
        raise
    file.close()


def aside_on(number: int) -> io.TextIOWrapper:
    """A text file on a descriptor, written at each line, that forgives every error."""
    raw = io.BufferedWriter(_Aside(number, "w", closefd=False))
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


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


def reopen_closed_files() -> None:
    """Put new files in place of ``sys.stdout`` and ``sys.stderr`` that a revision closed."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(getattr(sys, name), "closed", True):
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def silence_stdout() -> None:
    """Let what is still to be written to stdout go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
