"""A project in a folder that has none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fastapi_tenancy.cli.starting import contents
from fastapi_tenancy.cli.starting.settings import SQLITE_URL, settings_text
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import accepted, is_postgresql
from fastapi_tenancy.settings import read_toml, tool


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of a project: ``written`` is the URL for the settings file.

    ``known`` is False where a person has to say which database it is.
    """

    strategy: IsolationStrategy
    written: str | None
    known: bool

    @property
    def files(self) -> bool:
        """True for an SQLite file per tenant."""
        return self.written is not None and not is_postgresql(self.written)


def wish(isolation: IsolationStrategy | None, url: str | None) -> Wish:
    """What was asked for, and for the rest what runs with nothing else installed.

    Raises:
        ConfigurationError: SQLite cannot keep tenants apart in that way, or no such URL.
    """
    from_environment = os.environ.get("TENANCY_DATABASE_URL") or None
    given = url or from_environment
    if given is None and isolation in (None, IsolationStrategy.DATABASE):
        return Wish(IsolationStrategy.DATABASE, SQLITE_URL, known=True)
    if given is None:
        assert isolation is not None  # noqa: S101 - the case before this one
        return Wish(isolation, None, known=False)
    if is_postgresql(accepted(given)):
        return Wish(isolation or IsolationStrategy.SCHEMA, url, known=True)
    if isolation not in (None, IsolationStrategy.DATABASE):
        raise ConfigurationError(
            f"--isolation {isolation} needs PostgreSQL, but the database is {given!r}; leave it out"
            " for a file per tenant, or give a postgresql:// URL. Nothing was changed"
        )
    return Wish(IsolationStrategy.DATABASE, url, known=True)


def files_of(folder: Path, wish: Wish) -> dict[str, str]:
    """Every file of the project, by its name; alembic.ini, which makes it one, comes last."""
    own_models = _is_others(folder / "models.py", contents.models(wish.strategy))
    files = {"alembic/script.py.mako": contents.TEMPLATE}
    if own_models:
        files["alembic/env.py"] = contents.ENV_WITHOUT_MODELS
        files["alembic/versions/.gitkeep"] = ""
    else:
        files["models.py"] = contents.models(wish.strategy)
        files["alembic/versions/0001_customers.py"] = contents.revision(wish.strategy)
        files["alembic/env.py"] = contents.ENV
    if not has_settings(folder, settings_text(wish.strategy, wish.written)):
        files["tenancy.toml"] = settings_text(wish.strategy, wish.written)
        if wish.written == SQLITE_URL:
            files["data/.gitignore"] = "*\n!.gitignore\n"
    files["alembic.ini"] = contents.INI
    return files


def has_settings(folder: Path, ours: str = "") -> bool:
    """True where somebody has written settings of tenancy already."""
    if _is_others(folder / "tenancy.toml", ours):
        return True
    return tool(read_toml(folder / "pyproject.toml"), "tenancy") is not None


def _is_others(path: Path, ours: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace") != ours
