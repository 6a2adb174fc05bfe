"""Tracks that come before the one a reference is built for: where they are, and if they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fastapi_tenancy.engine.status import Standing
from fastapi_tenancy.errors import ServerUnreachableError, UnknownRevisionError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Scope


@dataclass(frozen=True, slots=True)
class Earlier:
    """A track that comes first, and its place: where it is, or is to be built."""

    opened: Opened
    target: Target

    @property
    def name(self) -> str:
        """The name of the track."""
        return self.opened.track.name

    def within(self, scratch: Target) -> Earlier:
        """The same place in a scratch database."""
        target = replace(self.target, database=scratch.database, address=scratch.address)
        return replace(self, target=target)

    def stands(self, extra: tuple[str, ...]) -> bool:
        """True where it is as far as a run would bring it; nothing is changed.

        Raises:
            ConfigurationError: its scripts or its env.py cannot be used.
        """
        fleet, asked = self.opened.fleet, self.opened.track.asked("heads")
        history = fleet.history()
        if not history.known:
            return True
        fixed = FixedIsolationProvider(fleet.config, [self.target])
        options = fleet.options(Command.UPGRADE, asked, x_arguments=extra)
        alone = Fleet(fleet.config, lambda _selection: fixed.tenants(), fixed)
        try:
            return all(_stands(s, history, asked) for s in alone.standings(options, Selection()))
        except ServerUnreachableError:  # a database that nobody has made yet, for instance
            return False


def _stands(standing: Standing, history: History, asked: str) -> bool:
    position = standing.position
    if standing.refusal or position.half_done or not history.known.issuperset(position.heads):
        return False
    try:
        return not history.span(Command.UPGRADE, asked, position.heads).moves
    except UnknownRevisionError:  # rows that contradict each other
        return False


def in_database(before: Iterable[Opened], target: Target) -> Iterator[Earlier]:
    """The tracks that are not about tenants and have a place in the database of a target."""
    for opened in before:
        isolation = opened.fleet.isolation
        if opened.track.scope is Scope.TENANT or not isinstance(isolation, FixedIsolationProvider):
            continue
        for place in map(isolation.target, isolation.tenants()):
            if place.database == target.database:
                yield Earlier(opened, place)


def of_tenants(before: Iterable[Opened], scratch: Target) -> Iterator[Earlier]:
    """The tracks that are about tenants, all of them in the place of the reference itself."""
    return (Earlier(o, scratch) for o in before if o.track.scope is Scope.TENANT)
