"""What other tracks keep in the places of one: it is theirs, and no drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fastapi_tenancy.drift.building import Builder
from fastapi_tenancy.drift.kinds import Kinds, ways_of
from fastapi_tenancy.drift.leaving_out import Key, LeftOut, everything_in, together
from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.event import Warned
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.storage.database import NoTableError


class Others:
    """The other tracks of a project, built at most once each."""

    def __init__(self, opened: Opened, every: Sequence[Opened], builder: Builder) -> None:
        self._track = opened.track
        self._every = [other for other in every if other.track != opened.track]
        self._builder = builder
        self._known: dict[str, LeftOut] = {}

    def among(self, targets: Iterable[Target], own: Iterable[Key]) -> LeftOut:
        """What others keep in these places, but for objects that the track has too.

        Raises:
            WasInterruptedError: somebody asked for an end.
            ConfigurationError: as for any run of such a track.
        """
        if not self._every:
            return LeftOut()
        places = {target.home: target for target in targets}
        parts = [
            self._of(other, sample)
            for other in self._every
            for sample in _common(other, places, self._track.scope)
        ]
        return together(parts).without(own)

    def at(self, place: TargetKey) -> LeftOut:
        """What tracks that belong to no tenant keep in this place."""
        return together(
            self._of(other, target)
            for other in self._every
            if other.track.scope is not Scope.TENANT
            for target in _targets(other)
            if target.home == place
        )

    def _of(self, other: Opened, sample: Target) -> LeftOut:
        name = other.track.name
        if name not in self._known:
            self._known[name] = self._built(other, sample)
        return self._known[name]

    def _built(self, other: Opened, sample: Target) -> LeftOut:
        fleet, history = other.fleet, other.fleet.history()
        of_tenants = other.track.scope is Scope.TENANT
        builder = replace(self._builder, fleet=fleet, history=history, of_tenants=of_tenants)
        kinds = Kinds(fleet.config)
        way = ways_of(history, fleet.config, kinds, [sample], builder.extra)[kinds(sample)]
        wanted = other.track.asked("heads")
        heads = history.heads if wanted == "heads" else history.position_of(wanted)
        made = builder.build(heads, sample, way)
        if made.structure is None:
            told = f"what the track {other.track.name} makes is not known, so that it looks added"
            builder.listener(Warned(f"{told}: {made.reason}"))
        version_table = LeftOut(frozenset((way.version_table,)))
        return together((version_table, everything_in(made.structure or {})))


def _common(other: Opened, places: dict[TargetKey, Target], scope: Scope) -> Iterator[Target]:
    """A place that both have, as the other track sees it; at most one."""
    if scope is Scope.TENANT and other.track.scope is Scope.TENANT:
        yield from list(places.values())[:1]
        return
    yield from [target for target in _targets(other) if target.home in places][:1]


def _targets(other: Opened) -> list[Target]:
    try:
        return resolve(other.fleet.isolation, other.fleet.tenants(Selection())).targets
    except NoTableError:
        return []  # nobody lives anywhere yet
