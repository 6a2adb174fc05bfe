"""Which comparison each track of a project is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.migrations.comparing.aiming import Ours, everything
from fastapi_tenancy.migrations.comparing.whom import Request
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.migrations.tracks.ordering import before
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Scope, Track


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
    history = fleet.history()
    return Request(
        fleet=fleet,
        history=history,
        heads=_end(opened, history),
        tenant=tenant,
        extra=extra,
        like=like,
        ours=_ours(opened, every),
        before=_before(opened, every),
        track=track.name,
    )


def compared_by(opened: Opened, every: Sequence[Opened]) -> Track | None:
    """The track that the models of one are compared for, where it ends before its scripts do.

    It has the same scripts and no such end: they are compared once, and to their end. None where
    the track is compared itself.

    Raises:
        ConfigurationError: the scripts cannot be loaded.
    """
    if opened.track.revision is None:
        return None
    scripts = _scripts(opened)
    others = (o for o in every if o.track.revision is None and _scripts(o) == scripts)
    return next((other.track for other in others), None)


def require_own_head(opened: Opened, every: Sequence[Opened]) -> None:
    """Refuse a new revision for a track whose scripts are those of another one, which goes on.

    Raises:
        ConfigurationError: it has a revision where it stops; or the scripts cannot be loaded.
    """
    other = compared_by(opened, every)
    if other is not None:
        raise ConfigurationError(
            f"the track {opened.track.name} is brought to {opened.track.revision} and no further"
            f" (revision in its settings); write the new revision for the track {other.name}, which"
            f" has the same scripts and goes on: --track {other.name}. Nothing was written"
        )


def _scripts(opened: Opened) -> Path:
    return Path(opened.fleet.history().directory.dir).resolve()


def _end(opened: Opened, history: History) -> tuple[str, ...] | None:
    """Where the models of a track belong: at the head of its branch, or at all heads (None).

    A revision in the settings that is no head says what is rolled out, and nothing of the models.
    """
    revision = opened.track.revision
    if revision is None or not history.known:
        return None
    heads = history.position_of(revision)
    return heads if set(heads) < set(history.heads) else None


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
