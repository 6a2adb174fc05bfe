"""All checks, in an order in which the first that fails explains the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.files import look_at_files
from fastapi_tenancy.cli.checking.finding import Finding
from fastapi_tenancy.cli.checking.scripts import read_env, read_history
from fastapi_tenancy.cli.checking.server import ServerCheck
from fastapi_tenancy.cli.checking.settings import read_settings
from fastapi_tenancy.cli.checking.survey import Survey, read_survey
from fastapi_tenancy.cli.checking.versions import Versions
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.observe.connect import connect

if TYPE_CHECKING:
    from fastapi_tenancy.cli.parameters import Where
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.model.target import Target


def examine(where: Where) -> Iterator[Finding]:
    """Yield what is found; what depends on something that is broken is not looked at.

    Raises:
        ConfigurationError: there is no project here.
    """
    _require_project(where)
    config, found = read_settings(where)
    yield from found
    ini = config.alembic_ini if config else where.config or Path("alembic.ini")
    history, found = read_history(
        ini, config.alembic_section if config else where.name or "alembic"
    )
    yield from found
    if config is None:
        return
    survey, found = read_survey(config)
    yield from found
    if survey is not None:
        yield from _places(config, history, survey)


def _places(config: TenancyConfig, history: History | None, survey: Survey) -> Iterator[Finding]:
    environment = None
    if history is not None:
        samples = tuple(islice((t for t in survey.samples if _is_there(t, config)), 2))
        environment, found = read_env(history, samples)
        yield from found
    table = environment.version_table if environment else "alembic_version"
    versions = Versions(history.known if history else frozenset(), history.heads if history else ())
    check = ServerCheck(config, versions, table)
    for name, server in survey.servers.items():
        yield from check.look(server) if name else look_at_files(server, versions, table)
    if history is not None:
        yield from versions.told()


def _is_there(target: Target, config: TenancyConfig) -> bool:
    """env.py connects, and what it says of a server is no better than what we say."""
    if target.is_file:
        return True
    try:
        connect(target.address, config.connect_timeout_s).close()
    except ConfigurationError:
        return False
    return True


def _require_project(where: Where) -> None:
    ini = where.config or Path("alembic.ini")
    if not any(path.exists() for path in (ini, Path("tenancy.toml"), Path("pyproject.toml"))):
        raise ConfigurationError(
            f"there is no project in {Path.cwd()}: neither {ini} nor tenancy.toml. `tenancy init`"
            " makes one"
        )
