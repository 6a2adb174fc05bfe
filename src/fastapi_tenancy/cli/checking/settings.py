"""The settings: where they come from, whether they can be used, and whether they agree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, action, fine, note
from fastapi_tenancy.cli.environment import misspelt
from fastapi_tenancy.cli.project import open_config
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import load_config
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.settings import FILES, settings_in

if TYPE_CHECKING:
    from fastapi_tenancy.cli.parameters import Where
    from fastapi_tenancy.config import TenancyConfig

CHECK = "settings"


def read_settings(where: Where) -> tuple[TenancyConfig | None, list[Finding]]:
    """The configuration, or None where it cannot be used, and what was found about it."""
    try:
        config = open_config(where)
    except ConfigurationError as error:
        return None, [action(CHECK, str(error)), *_misspelt()]
    return config, [*_sources(config), *_misspelt(), *_two_databases(config)]


def _sources(config: TenancyConfig) -> Iterator[Finding]:
    files = [
        name for name in FILES if settings_in(Path(name), frozenset(type(config).model_fields))
    ]
    variables = sorted(
        name
        for name in os.environ
        if name.upper() in {f"TENANCY_{field.upper()}" for field in type(config).model_fields}
        and os.environ[name]
    )
    origins = ", ".join([*files, *variables]) or "nowhere: all settings have their defaults"
    if config.database_url is None and not config.shards:
        yield action(
            CHECK,
            f"no database_url (settings from {origins})",
            "set database_url in tenancy.toml, or TENANCY_DATABASE_URL, or sqlalchemy.url in"
            " alembic.ini; or shards.NAME.url for each of several servers",
        )
    else:
        shards = f"; shards {', '.join(config.shards)}" if config.shards else ""
        yield fine(CHECK, f"from {origins}; isolation {config.isolation_strategy}{shards}")


def _misspelt() -> Iterator[Finding]:
    for warning in misspelt():
        yield action(CHECK, warning.partition(";")[0], warning.partition("; ")[2])


def _two_databases(config: TenancyConfig) -> Iterator[Finding]:
    """An env.py of the project's own connects to the one, the engine to the other."""
    if not config.alembic_ini.is_file() or config.database_url is None:
        return
    try:
        alembic = load_config(config.alembic_ini, config.alembic_section)
        url = alembic.get_alembic_option("sqlalchemy.url")
        if not url or url.startswith("driver:") or place(url) == place(config.database_url):
            return
    except ConfigurationError:
        return  # told where the scripts are looked at
    yield note(
        CHECK,
        f"sqlalchemy.url in {config.alembic_ini} is {masked(url)}, and database_url"
        f" {masked(config.database_url)}",
        "`tenancy` works in database_url, plain `alembic` with an env.py of your own may not:"
        " take one of them out, if that is not meant",
    )
