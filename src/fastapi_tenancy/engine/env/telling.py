"""Says why env.py or a revision failed in a worker, shortened to the project's own lines."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from fastapi_tenancy.engine import failure
from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.model.url import masked

_THEIRS = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(failure.__file__).parents[1]),
)
"""Folders of Python, of installed packages and of this one: no lines of the project are there."""


def told_in_words(error: BaseException, progress: Progress, env_py: str) -> str:
    """The cause, with the revision, or else with the line of env.py it came from."""
    if progress.move is not None or isinstance(error, MigrationFailedError):
        return failure.told(error, progress, None)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == env_py]
    where = f"{env_py}, line {lines[-1]}: " if lines else ""
    return where + failure.told(error, progress, None)


def own_lines(error: BaseException) -> str:
    """The traceback without the lines of Alembic, SQLAlchemy, Python and this package."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", *_THEIRS))
    ]
    text = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return masked("Traceback (the project's own lines):\n" + "".join(text))
