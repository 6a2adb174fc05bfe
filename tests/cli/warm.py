"""What the fork server does once, so that no command it forks has to: all imports, and the command's tree."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import sys
from pathlib import Path

import fastapi_tenancy

LEFT_OUT = ("fastapi_tenancy.web", "fastapi_tenancy.testing", "fastapi_tenancy.cli.demo.project")
"""Extras that the command does without, and the demo's own Alembic project."""
OTHERS = (
    "alembic.command",
    "alembic.config",
    "cli_process",
    "rich._emoji_codes",
    "rich.markdown",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "typer._adapters",
    "typer._click._textwrap",
    "typer._click.decorators",
    "typer.rich_utils",
)
"""What is imported late: by name, by the first connection, for the first page of help."""


def warm() -> None:
    """Import and build what commands need."""
    for name in OTHERS:
        importlib.import_module(name)
    found = pkgutil.walk_packages(fastapi_tenancy.__path__, "fastapi_tenancy.")
    for module in found:
        if not module.name.startswith(LEFT_OUT) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    from fastapi_tenancy.cli.app import built

    built()
    # Collected here and never again: a child that looks at these would copy all of their pages.
    gc.collect()
    gc.freeze()


def forget_the_way() -> None:
    """This folder is on the path for this module alone, not for what the commands start."""
    here = str(Path(__file__).parent)
    kept = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != here]
    os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    if not kept:
        del os.environ["PYTHONPATH"]
    with contextlib.suppress(ValueError):
        sys.path.remove(here)


warm()
forget_the_way()
