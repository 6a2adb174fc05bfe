"""Which comparison each track of a project is."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.migrations.comparing.aiming import Ours, everything
from fastapi_tenancy.migrations.comparing.whom import Request
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.migrations.tracks.ordering import before
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Scope


def request_of(
    opened: Opened, every: Sequence[Opened], tenant: str | None, extra: tuple[str, ...]
) -> Request:
    """The comparison of one track among all of the project.

    Raises:
        ConfigurationError: a tenant is named, and the track is not about tenants; or the scripts
            cannot be loaded.
    """
    track, fleet = opened.track, opened.fleet
    like = None
    if track.scope is not Scope.TENANT:
        if tenant is not None:
            raise ConfigurationError(
                f"--tenant {tenant}, but the track {track.name} is not about tenants; leave it out"
            )
        like = _places(opened)[0]
    return Request(
        fleet=fleet,
        history=fleet.history(),
        tenant=tenant,
        extra=extra,
        like=like,
        ours=_ours(opened, every),
        before=_before(opened, every),
        track=track.name,
    )


def require_own_head(opened: Opened) -> None:
    """Refuse a new revision for a track whose history ends before its scripts do.

    Raises:
        ConfigurationError: it has a revision where it stops.
    """
    if opened.track.revision is not None:
        raise ConfigurationError(
            f"the track {opened.track.name} is brought to {opened.track.revision} and no further"
            " (revision in its settings), so a new revision is not for it; write it for the track"
            " that has the same scripts and no such end. Nothing was written"
        )


def _before(opened: Opened, every: Sequence[Opened]) -> tuple[Opened, ...]:
    """The tracks that it waits for, in their order."""
    names = {track.name for track in before(opened.track, tuple(o.track for o in every))}
    return tuple(other for other in every if other.track.name in names)


def _ours(opened: Opened, every: Sequence[Opened]) -> Ours:
    """Leave out the tables of other tracks, where the models name their schemas."""
    others = {
        place.schema
        for other in every
        if other.track.scope is not Scope.TENANT and other.track != opened.track
        for place in _places(other)
        if place.schema
    }
    if not others:
        return everything
    return lambda schema: schema not in others


def _places(opened: Opened) -> list[Target]:
    isolation = opened.fleet.isolation
    assert isinstance(isolation, FixedIsolationProvider)  # noqa: S101 - of every such track
    return [isolation.target(stand_in) for stand_in in isolation.tenants()]
