"""Loads the histories of the tenants, with what the settings require of each."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.tracks.ordering import tracks_of
from fastapi_tenancy.model.required import Required
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.revisions.judge import Judge


def open_judges(config: TenancyConfig) -> tuple[Judge, ...]:
    """A judge for each history that tenants have, in the order in which they go.

    Raises:
        ConfigurationError: the scripts cannot be loaded, ``required_revision`` names a revision or
            a track that is not there, or tenants have no history.
    """
    tracks = tuple(t for t in tracks_of(config) if t.scope is Scope.TENANT)
    required = Required.parse(config.required_revision) if config.required_revision else Required()
    names = tuple(track.name for track in tracks)
    for name, _ in required.by_track:
        if name not in names:
            known = ", ".join(filter(None, names)) or "none with a name"
            raise ConfigurationError(
                f"required_revision names the track {name!r}, and no track of the tenants is called"
                f" so; there is {known}"
            )
    if not tracks:
        raise ConfigurationError(
            "the settings look after the revisions of tenants, but no track is the tenants': give"
            " one the scope tenant, or leave required_revision and when_behind out"
        )
    return tuple(Judge(t, History(t.ini, t.section), required.of(t.name)) for t in tracks)
