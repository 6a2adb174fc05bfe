"""All checks, in an order in which the first that fails explains the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.files import look_at_files
from fastapi_tenancy.cli.checking.finding import Finding
from fastapi_tenancy.cli.checking.required import look_at_required
from fastapi_tenancy.cli.checking.role import look_at_rls
from fastapi_tenancy.cli.checking.scripts import read_env, read_history
from fastapi_tenancy.cli.checking.server import CONNECTION, RIGHTS, ROOM, ServerCheck
from fastapi_tenancy.cli.checking.settings import read_settings
from fastapi_tenancy.cli.checking.survey import Survey, read_survey
from fastapi_tenancy.cli.checking.tracked import look_at_track
from fastapi_tenancy.cli.checking.versions import Versions
from fastapi_tenancy.cli.tracked import named
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.tracks.ordering import tracks_of
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.observe.connect import connect

if TYPE_CHECKING:
    from fastapi_tenancy.cli.parameters import Where
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.model.target import Target
    from fastapi_tenancy.model.track import Track

SERVER_CHECKS = frozenset((CONNECTION, ROOM, RIGHTS))


def examine(where: Where) -> Iterator[Finding]:
    """Yield what is found; what depends on something that is broken is not looked at.

    Raises:
        ConfigurationError: there is no project here.
    """
    _require_project(where)
    config, found = read_settings(where)
    yield from found
    if config is None:
        ini = where.config or Path("alembic.ini")
        yield from read_history(ini, where.name or "alembic")[1]
        return
    every = tracks_of(config)
    chosen = [track for track in every if named(where, every) in (None, track)]
    histories: dict[Track, History | None] = {}
    for track in chosen:
        histories[track], found = read_history(track.ini, track.section)
        yield from _of(track, found)
    of_tenants = [history for t, history in histories.items() if t.scope is Scope.TENANT]
    if all(history is not None and history.known for history in of_tenants):  # else it is told
        yield from look_at_required(config)
    yield from _tenants(config, {t: h for t, h in histories.items() if t.scope is Scope.TENANT})
    for track, history in histories.items():
        if track.scope is not Scope.TENANT and history is not None:
            yield from _of(track, look_at_track(config, track))
    yield from look_at_rls(config)


def _tenants(config: TenancyConfig, histories: Mapping[Track, History | None]) -> Iterator[Finding]:
    """What is found where tenants live, for each of their histories."""
    if not histories:
        return
    survey, found = read_survey(config)
    yield from found
    if survey is None:
        return
    for number, (track, history) in enumerate(histories.items()):
        places = _of(track, _places(config, history, survey))
        # Servers are the same for every history: what is said of them is said once.
        yield from (f for f in places if not number or f.check not in SERVER_CHECKS)


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


def _of(track: Track, found: Iterable[Finding]) -> Iterator[Finding]:
    """Say which track it is about; what is found of servers is about all of them."""
    for one in found:
        about = track.name and one.check not in SERVER_CHECKS
        yield replace(one, check=f"{track.name}: {one.check}") if about else one


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
