"""Which track a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.errors import ConfigurationError

if TYPE_CHECKING:
    from fastapi_tenancy.cli.parameters import Where
    from fastapi_tenancy.model.track import Track


def named(where: Where, tracks: tuple[Track, ...]) -> Track | None:
    """The track that the options name: by --track, or by --config and --name; None for all.

    Raises:
        ConfigurationError: there is no such track, or several fit.
    """
    if not tracks[0].name:
        if where.track is not None:
            raise ConfigurationError(
                f"--track {where.track}, but the settings have no tracks: a table"
                f" [tracks.{where.track}] in tenancy.toml makes one"
            )
        return tracks[0]
    if where.track is not None:
        fitting = [t for t in tracks if t.name == where.track]
    elif where.config is not None or where.name is not None:
        fitting = [t for t in tracks if _fits(where, t)]
        # A track that names no section of its own has taken over the one that was asked for.
        fitting = [t for t in fitting if t.name == where.name] or fitting
    else:
        return None
    if len(fitting) != 1:
        said = where.track or " and ".join(str(x) for x in (where.config, where.name) if x)
        known = ", ".join(t.name for t in tracks)
        what = f"{len(fitting)} tracks are" if fitting else "no track is"
        raise ConfigurationError(f"{what} meant by {said!r}; say --track NAME, of {known}")
    return fitting[0]


def meant(where: Where, tracks: tuple[Track, ...]) -> Track:
    """The one track that a command is about.

    Raises:
        ConfigurationError: the options do not say which of several.
    """
    track = named(where, tracks)
    if track is None and len(tracks) > 1:
        known = ", ".join(t.name for t in tracks)
        raise ConfigurationError(f"which track is meant? Say --track NAME, of {known}")
    return track or tracks[0]


def _fits(where: Where, track: Track) -> bool:
    ini = where.config is None or where.config.resolve() == track.ini.resolve()
    return ini and where.name in (None, track.section)
