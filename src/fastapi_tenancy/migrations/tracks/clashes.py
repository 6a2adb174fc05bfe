"""Finds tracks that would write into one version table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.history.environment import read_environment
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.storage.database import NoTableError


def refuse_shared_version_tables(every: tuple[Opened, ...]) -> None:
    """Refuse two tracks that keep their positions in one table: each would be lost to the other.

    env.py is asked only where two tracks have a place in common.

    Raises:
        ConfigurationError: two of them do so; or env.py failed.
    """
    names: dict[str, str] = {}
    for one, other in combinations(every, 2):
        target = _common(one, other)
        if target is None:
            continue
        for opened in (one, other):
            if opened.track.name not in names:
                names[opened.track.name] = _version_table(opened, target)
        mine, theirs = names[one.track.name], names[other.track.name]
        if mine == theirs:
            raise ConfigurationError(
                f"the tracks {one.track.name!r} and {other.track.name!r} would both keep their"
                f" revisions in the table {mine} of {target.name}: pass another version_table= to"
                " context.configure() in the env.py of one of them, or give it a place of its own."
                " Nothing was changed"
            )


def _common(one: Opened, other: Opened) -> Target | None:
    """A place that both tracks go to."""
    if Scope.TENANT not in (one.track.scope, other.track.scope):
        mine = {_key(t): t for t in _fixed(one)}
        return next((mine[_key(t)] for t in _fixed(other) if _key(t) in mine), None)
    of_tenants, other = (one, other) if one.track.scope is Scope.TENANT else (other, one)
    target = _of_a_tenant(of_tenants)
    if target is None or other.track.scope is Scope.TENANT:
        return target
    return target if _key(target) in {_key(t) for t in _fixed(other)} else None


def _of_a_tenant(opened: Opened) -> Target | None:
    try:
        tenants = opened.fleet.tenants(Selection(limit=1))
        return opened.fleet.isolation.target(tenants[0]) if tenants else None
    except (NoTableError, PlacementError):
        return None  # nobody lives anywhere yet, or nowhere: whoever needs it will say so


def _fixed(opened: Opened) -> Iterator[Target]:
    return (opened.fleet.isolation.target(t) for t in opened.fleet.tenants(Selection()))


def _key(target: Target) -> TargetKey:
    """A whole database keeps its tables in public, unless its role says otherwise."""
    return target.database, target.schema or ("" if target.is_file else "public")


def _version_table(opened: Opened, target: Target) -> str:
    require_reachable(target)
    return read_environment(opened.fleet.history(), (target,)).version_table
