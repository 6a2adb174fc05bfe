"""Runs `alembic` as a person types it, in a process of its own, without waiting for imports."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from forks import fork

PATIENCE_S = 60


@dataclass(frozen=True)
class Typed:
    """How `alembic` ended, and what it wrote."""

    code: int
    out: str
    err: str


def alembic(folder: Path, *arguments: str, **environment: str) -> Typed:
    """Run it in ``folder``; variables of this project are as given, and otherwise not set."""
    out, err = folder.parent / "alembic.out", folder.parent / "alembic.err"
    process = fork(_child, list(arguments), str(folder), environment, str(out), str(err))
    code = process.wait(PATIENCE_S)
    assert code is not None, "hung"
    return Typed(code, out.read_text(), err.read_text())


def _child(
    arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str
) -> None:
    for number, name in ((1, out), (2, err)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(folder)
    # A test may have left "." on the path that this process began with, in another folder.
    sys.path_importer_cache.clear()
    for name in [name for name in os.environ if name.startswith("TENANCY_")]:
        del os.environ[name]
    os.environ.update(environment)
    warnings.simplefilter("default")
    sys.path.insert(0, "")
    sys.argv = ["alembic", *arguments]
    from alembic.config import main

    try:
        main(prog="alembic")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
