"""The place of an env.py that belongs to a track which is not about tenants."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.env.asking import Asked
from fastapi_tenancy.migrations.env.placing import Place
from fastapi_tenancy.migrations.tracks.ordering import tracks_of
from fastapi_tenancy.migrations.tracks.places import fixed_targets
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Scope, Track


def fixed_place(asked: Asked, alembic: Config, config: TenancyConfig) -> Place | None:
    """The place that ``-x`` names among those of the running track, or its only one.

    None where a tenant is meant, or may be.

    Raises:
        ConfigurationError: nobody says which of its places is meant.
    """
    if asked.url:
        return None
    running = _running(alembic)
    targets = [
        target
        for track in running
        if track.scope is not Scope.TENANT
        for target in fixed_targets(config, track)
    ]
    named = [t for t in targets if t.tenant.identifier == asked.tenant or _is(t, asked.schema)]
    if named:
        return _placed(named[0], config)
    if asked.somewhere or not targets or any(t.scope is Scope.TENANT for t in running):
        return None
    if len(targets) > 1:
        names = ", ".join(t.tenant.identifier for t in targets)
        raise ConfigurationError(
            f"which of {names} is meant? Say it: `alembic -x tenant=NAME ...`. For all of them at"
            " once: `tenancy upgrade`. Nothing was changed"
        )
    return _placed(targets[0], config)


def _running(alembic: Config) -> list[Track]:
    """The tracks whose scripts these are."""
    file = alembic.config_file_name or alembic.toml_file_name
    tracks = tracks_of(TenancyConfig())
    if file is None or not tracks[0].name:
        return []
    here, section = Path(file).resolve(), alembic.config_ini_section
    return [t for t in tracks if t.ini.resolve() == here and t.section == section]


def _is(target: Target, schema: str | None) -> bool:
    return bool(schema) and target.schema == schema


def _placed(target: Target, config: TenancyConfig) -> Place:
    require_reachable(target)
    path = FixedIsolationProvider(config, [target]).search_path(target)
    return Place(target.address, target.schema, path, target)
