"""Places that stand at a revision of scripts newer than these.

The place itself is refused: nobody knows the way from there. What waits for it goes on, because
newer scripts have been at work there: an old release meets them while a new one is rolled out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.target import TargetKey
from fastapi_tenancy.model.track import Track


def is_ahead(heads: Iterable[str], known: Collection[str]) -> bool:
    """True where a version table names a revision that the scripts do not know."""
    return any(head not in known for head in heads)


def those_ahead(fleet: Fleet, outcomes: Iterable[Outcome]) -> dict[TargetKey, str]:
    """The names of places that failed because they are ahead of the scripts."""
    failures = [o for o in outcomes if o.kind is OutcomeKind.FAILED and o.from_heads]
    if not failures:
        return {}
    known = fleet.history().known
    return {o.target.key: o.target.place for o in failures if is_ahead(o.from_heads, known)}


def told_of(track: Track, names: Iterable[str]) -> str:
    """What people should know where a track is ahead at some places."""
    first, *others = names
    more = f" and {len(others)} more" if others else ""
    return (
        f"the track {track.name!r} is newer than the scripts in {first}{more}, and left as it is;"
        " what waits for it goes on"
    )
