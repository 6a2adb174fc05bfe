"""Tells Alembic's own warnings as sentences, without the path and the line of its source."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import TextIO


@contextlib.contextmanager
def alembic_warnings(told: Callable[[str], None]) -> Iterator[None]:
    """Give them to ``told``; those of revisions keep their place, where they can be mended."""
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is None and _is_alembics(filename):
            told(f"warning: {message}")
        else:
            before(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        if warnings.showwarning is show:  # not one that env.py has set
            warnings.showwarning = before


def _is_alembics(filename: str) -> bool:
    import alembic

    return PurePath(filename).is_relative_to(PurePath(alembic.__file__).parent)
