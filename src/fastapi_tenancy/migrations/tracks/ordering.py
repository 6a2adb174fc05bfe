"""The tracks of a project, in the order in which they go."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.tracks import TrackSettings
from fastapi_tenancy.model.track import Track


def tracks_of(config: TenancyConfig) -> tuple[Track, ...]:
    """Each track after those it waits for, and else as they are written down.

    A project without any has one that has no name: the tenants' own.
    """
    if not config.tracks:
        return (Track(ini=config.alembic_ini, section=config.alembic_section),)
    left, ordered = list(config.tracks), list[str]()
    while left:  # the settings have no circles
        following = next(n for n in left if not set(config.tracks[n].after).difference(ordered))
        left.remove(following)
        ordered.append(following)
    return tuple(_track(name, config.tracks[name], config) for name in ordered)


def _track(name: str, said: TrackSettings, config: TenancyConfig) -> Track:
    return Track(
        name=name,
        scope=said.scope,
        ini=said.alembic_ini or config.alembic_ini,
        section=said.alembic_section or config.alembic_section,
        revision=said.revision,
        after=said.after,
        schema_name=said.schema_name,
        url=said.url,
    )


def before(track: Track, tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """All tracks that one waits for, those too that these wait for, in their order."""
    wanted = set(track.after)
    for other in reversed(tracks):
        if other.name in wanted:
            wanted |= set(other.after)
    return tuple(other for other in tracks if other.name in wanted)
