"""Opens the tracks of a project: each with its scripts and its places."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.fleet import Collect, Fleet
from fastapi_tenancy.migrations.tracks.ordering import tracks_of
from fastapi_tenancy.migrations.tracks.places import fixed_targets
from fastapi_tenancy.model.track import Scope, Track


@dataclass(frozen=True, slots=True)
class Opened:
    """A track, and the fleet that it goes to."""

    track: Track
    fleet: Fleet


def open_tracks(
    config: TenancyConfig, tenants: Collect, isolation: IsolationProvider
) -> tuple[Opened, ...]:
    """Every track of a project, in the order in which they go.

    Raises:
        ConfigurationError: nothing says where one of them applies.
    """
    return tuple(open_track(track, config, tenants, isolation) for track in tracks_of(config))


def open_track(
    track: Track, config: TenancyConfig, tenants: Collect, isolation: IsolationProvider
) -> Opened:
    """One track.

    Raises:
        ConfigurationError: nothing says where it applies.
    """
    own = config.model_copy(update={"alembic_ini": track.ini, "alembic_section": track.section})
    if track.scope is Scope.TENANT:
        return Opened(track, Fleet(own, tenants, isolation))
    fixed = FixedIsolationProvider(own, fixed_targets(config, track))
    return Opened(track, Fleet(own, lambda _selection: fixed.tenants(), fixed))
