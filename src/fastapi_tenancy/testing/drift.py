"""For tests: nothing has drifted, in any database and on any track."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi_tenancy.model.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.drift.values import Drift
    from fastapi_tenancy.migrations.tracks.opening import Opened
    from fastapi_tenancy.model.tenant import Tenant

__all__ = ["assert_no_drift"]

_SHOWN = 10


def assert_no_drift(
    config: TenancyConfig | None = None,
    *,
    track: str | None = None,
    tenants: Iterable[Tenant] | None = None,
    models: bool = True,
) -> None:
    """Fail where models, migrations and databases are not the same.

    The models of env.py are compared with what the migrations make, and so is every tenant that
    there is, or every place of a track. Nothing is changed.

    Args:
        config: the settings, by default those of the working directory and the environment.
        track: the one of several histories; by default all of them.
        tenants: whom to look at instead of those in the catalogue.
        models: compare the models too; they are left out where env.py has none.

    Raises:
        AssertionError: something differs; it says what.
        ConfigurationError: nothing could be compared: no project, no server, no such track.
    """
    found: list[str] = []
    every = _opened(config, tenants)
    for opened in _chosen(every, track):
        name = f"{opened.track.name}: " if opened.track.name else ""
        if models:
            found += [f"{name}{told}" for told in _of_models(opened, every)]
        found += [f"{name}{told}" for told in _of_places(opened, every)]
    if found:
        raise AssertionError("drift:\n" + "\n".join(f"- {told}" for told in found))


def _opened(config: TenancyConfig | None, tenants: Iterable[Tenant] | None) -> tuple[Opened, ...]:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.migrations.fleet import in_own_loop
    from fastapi_tenancy.migrations.tracks.opening import open_tracks
    from fastapi_tenancy.opening import complete, open_isolation, open_store
    from fastapi_tenancy.storage.memory import InMemoryTenantStore

    whole = complete(config or TenancyConfig())
    store = open_store(whole) if tenants is None else InMemoryTenantStore(tuple(tenants))
    isolation = open_isolation(whole)
    return open_tracks(whole, in_own_loop(store, isolation), isolation)


def _chosen(every: tuple[Opened, ...], track: str | None) -> list[Opened]:
    from fastapi_tenancy.errors import ConfigurationError

    chosen = [opened for opened in every if track in (None, opened.track.name)]
    if not chosen:
        known = ", ".join(o.track.name for o in every if o.track.name) or "none"
        raise ConfigurationError(f"there is no track {track!r}; the settings have: {known}")
    return chosen


def _of_models(opened: Opened, every: tuple[Opened, ...]) -> Iterator[str]:
    from fastapi_tenancy.migrations.checking.check import check
    from fastapi_tenancy.migrations.checking.finding import Subject
    from fastapi_tenancy.migrations.comparing.tracks import request_of

    if opened.track.revision is not None:
        return  # its end is not that of the models
    request = request_of(opened, every, None, ())
    # A history that has a name may do without models.
    named = replace(request, track=request.track or "tenants")
    for finding in check(named).findings:
        if not finding.note and finding.subject is Subject.MODELS:
            yield f"models: {finding.table}: {finding.found}"


def _of_places(opened: Opened, every: tuple[Opened, ...]) -> Iterator[str]:
    from fastapi_tenancy.drift.detecting import Request, find_drift

    found = find_drift(Request(opened=opened, every=every, selection=Selection()))
    if not found.clean:
        yield from _told(found)


def _told(found: Drift) -> Iterator[str]:
    for group in found.groups:
        at = ", ".join(group.heads) or "base"
        if not group.clean and group.reason:
            yield f"at {at}: not compared with what the migrations make: {group.reason}"
        for variant in group.variants:
            shown = variant.changes[:_SHOWN]
            told = ", ".join(f"{c.how.value} {c.kind} {c.name}" for c in shown)
            more = len(variant.changes) - len(shown)
            told += f" and {more} more" if more else ""
            yield f"at {at}: {_names(variant.tenants)}: {told}"
    for unread in found.unread:
        if not unread.note:
            yield f"{_names(unread.tenants)}: not compared: {unread.reason}"
    for astray in found.astray:
        if not astray.note:
            yield f"{astray.where}: {astray.found}"


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
