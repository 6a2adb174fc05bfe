"""Finds tracks that would write into one version table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations

from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.history.environment import read_environment
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.storage.database import NoTableError

_Places = dict[TargetKey, Target]


def refuse_shared_version_tables(every: tuple[Opened, ...], *, listed: bool) -> None:
    """Refuse two tracks that keep their positions in one table: each would be lost to the other.

    The catalogue is read once, and no server asked. env.py is run only where two tracks have a
    place in common, for a tenant of each isolation strategy.

    Args:
        listed: whether there has to be a list of tenants; without one, nobody lives anywhere yet.

    Raises:
        ConfigurationError: two of them do so; or env.py failed.
    """
    fixed = {o.track.name: _fixed(o) for o in every if o.track.scope is not Scope.TENANT}
    tenants = _of_tenants(every, {key for places in fixed.values() for key in places}, listed)
    tables = _Tables()
    for one, other in combinations(every, 2):
        for target in _common(one, other, fixed, tenants):
            mine, theirs = tables.of(one, target), tables.of(other, target)
            if mine == theirs:
                raise ConfigurationError(
                    f"the tracks {one.track.name!r} and {other.track.name!r} would both keep their"
                    f" revisions in the table {mine[1]} of {target.name}: pass another"
                    " version_table= to context.configure() in the env.py of one of them, or give"
                    " it a place of its own. Nothing was changed"
                )


class _Tables:
    """The names of version tables; the scripts of a track are loaded once."""

    def __init__(self) -> None:
        self._history = cache(lambda opened: opened.fleet.history())
        self._names: dict[tuple[str, TargetKey], tuple[str, str]] = {}

    def of(self, opened: Opened, target: Target) -> tuple[str, str]:
        """The version table of a track at one of its places, with the schema it is in."""
        key = opened.track.name, target.key
        if key not in self._names:
            require_reachable(target)
            found = read_environment(self._history(opened), (target,))
            self._names[key] = found.version_schema or target.home[1], found.version_table
        return self._names[key]


def _common(
    one: Opened, other: Opened, fixed: dict[str, _Places], tenants: list[Target]
) -> Iterable[Target]:
    """Places that both tracks go to, one of each kind."""
    mine, theirs = (fixed.get(opened.track.name) for opened in (one, other))
    if mine is not None and theirs is not None:
        return _one_of_each(target for key, target in mine.items() if key in theirs)
    places = mine if mine is not None else theirs
    return _one_of_each(t for t in tenants if places is None or t.home in places)


def _one_of_each(targets: Iterable[Target]) -> Iterable[Target]:
    found: dict[object, Target] = {}
    for target in targets:
        found.setdefault((target.strategy, target.is_file), target)
    return found.values()


def _of_tenants(every: tuple[Opened, ...], taken: set[TargetKey], listed: bool) -> list[Target]:
    """Where tenants live: a place of each kind, and in each place that a track is in as well."""
    opened = next((o for o in every if o.track.scope is Scope.TENANT), None)
    if opened is None:
        return []
    found: dict[object, Target] = {}
    for target in _targets(opened, listed):
        key = target.home
        kind = (target.strategy, target.is_file, key if key in taken else None)
        found.setdefault(kind, target)
    return list(found.values())


def _targets(opened: Opened, listed: bool) -> Iterator[Target]:
    try:
        tenants = opened.fleet.tenants(Selection())
    except NoTableError:
        if listed:
            raise
        return
    for tenant in tenants:
        try:
            yield opened.fleet.isolation.target(tenant)
        except PlacementError:
            continue  # or nowhere: whoever needs it will say so


def _fixed(opened: Opened) -> _Places:
    fleet = opened.fleet
    return {t.home: t for t in map(fleet.isolation.target, fleet.tenants(Selection()))}
