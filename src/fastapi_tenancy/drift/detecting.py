"""Looks for drift on one track: reads all of its targets, and groups them into variants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fastapi_tenancy.drift.astray import Shared
from fastapi_tenancy.drift.building import Builder
from fastapi_tenancy.drift.grouping import Expected, Grouping, Place
from fastapi_tenancy.drift.kinds import Kinds, ways_of
from fastapi_tenancy.drift.leaving_out import LeftOut, together
from fastapi_tenancy.drift.others import Others
from fastapi_tenancy.drift.place import FILE_PATIENCE_S, Look, Way
from fastapi_tenancy.drift.reading import Reader
from fastapi_tenancy.drift.sorting import sorted_out
from fastapi_tenancy.drift.values import Astray, Drift, Kind, Unread
from fastapi_tenancy.engine.status import Standing
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.migrations.reference.building import WasInterruptedError
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.track import Scope

MOVED = "it was migrated while it was looked at; run again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which track is looked at, of which project, and for whom.

    ``extra`` are the user's own ``-x`` arguments.
    """

    opened: Opened
    every: Sequence[Opened]
    selection: Selection = field(default_factory=Selection)
    extra: tuple[str, ...] = ()


def find_drift(request: Request, *, listener: Listener = silent, stop: Stop | None = None) -> Drift:
    """Compare every target with what the migrations make at its revision; nothing is changed.

    Raises:
        WasInterruptedError: ``stop`` was asked for.
        ConfigurationError: as for any run: no project, no catalogue, no server.
    """
    return _Search(request, listener, stop or Stop()).drift()


class _Search:
    """One look at one track."""

    def __init__(self, request: Request, listener: Listener, stop: Stop) -> None:
        track, self._fleet = request.opened.track, request.opened.fleet
        self._request, self._track = request, track
        self._listener, self._stop = listener, stop
        self._history = self._fleet.history()
        self._kinds = Kinds(self._fleet.config)
        self._of_tenants = track.scope is Scope.TENANT
        self._builder = Builder(
            self._fleet, self._history, self._of_tenants, request.extra, listener, stop
        )
        self._others = Others(request.opened, request.every, self._builder)

    def drift(self) -> Drift:
        """What is found."""
        standings, unread = sorted_out(self._standings())
        places = self._places(standings)
        targets = [standing.target for standing in standings]
        ways = ways_of(self._history, self._fleet.config, self._kinds, targets, self._request.extra)
        expected = self._builder.build_all(places, ways)
        own = {key for e in expected.values() for key in e.structure or ()}
        foreign = self._others.among(targets, own)
        ways = {k: replace(w, left_out=together((w.left_out, foreign))) for k, w in ways.items()}
        grouping = Grouping(_without(expected, foreign))
        unread += self._read(standings, ways, grouping)
        astray = tuple(self._astray(targets, ways, expected))
        if self._stop.requested.is_set():
            raise WasInterruptedError("interrupted before every target was read")
        return Drift(
            track=self._track, groups=grouping.groups(), unread=tuple(unread), astray=astray
        )

    def _standings(self) -> Iterator[Standing]:
        revision, extra = self._track.asked("heads"), self._request.extra
        patience = self._fleet.config.lock_timeout_s or FILE_PATIENCE_S
        options = self._fleet.options(
            Command.UPGRADE, revision, x_arguments=extra, lock_timeout_s=patience
        )
        return self._fleet.standings(options, self._request.selection)

    def _places(self, standings: list[Standing]) -> dict[Place, Target]:
        """A target of each position and kind of place, those of most tenants first."""
        counts: Counter[Place] = Counter()
        samples: dict[Place, Target] = {}
        for standing in standings:
            place = self._kinds(standing.target), standing.position.heads
            counts[place] += len(standing.target.tenants)
            samples.setdefault(place, standing.target)
        return {place: samples[place] for place, _ in counts.most_common()}

    def _read(
        self, standings: list[Standing], ways: Mapping[Kind, Way], grouping: Grouping
    ) -> list[Unread]:
        before = {standing.target.key: standing.position for standing in standings}
        unread: list[Unread] = []

        def take(look: Look) -> None:
            target, position = look.target, before[look.target.key]
            if look.structure is None:
                unread.append(Unread(target=target, reason=look.problem))
            elif look.position != position:
                unread.append(Unread(target=target, reason=MOVED))
            else:
                grouping.take((self._kinds(target), position.heads), target, look.structure)

        concurrency = self._fleet.config.concurrency
        reader = Reader(ways, self._kinds, concurrency, self._listener, self._stop)
        reader.read([standing.target for standing in standings], take)
        return unread

    def _astray(
        self,
        targets: list[Target],
        ways: Mapping[Kind, Way],
        expected: Mapping[Place, Expected],
    ) -> Iterator[Astray]:
        """What of the schemas of tenants lies where everybody sees it."""
        config, schemas = self._fleet.config, self._fleet.isolation.shared_schemas()
        at_home = IsolationStrategy.RLS in config.strategies  # tenants do live in public then
        if not self._of_tenants or Kind.SCHEMA not in ways or at_home:
            return
        tables = {
            name
            for (kind, _), e in expected.items()
            for what, name in e.structure or ()
            if kind is Kind.SCHEMA and what == "rel" and not _is_sequence(e, name)
        }
        table = ways[Kind.SCHEMA].version_table
        shared = Shared(self._history, schemas, table, tables, self._others)
        databases = {t.database: t for t in targets if self._kinds(t) is Kind.SCHEMA}
        for target in databases.values():
            yield from shared.look(target, config.connect_timeout_s)


def _is_sequence(expected: Expected, name: str) -> bool:
    """True where a relation is no table and no view."""
    return (expected.structure or {})["rel", name].startswith(("S", "c"))


def _without(expected: Mapping[Place, Expected], foreign: LeftOut) -> dict[Place, Expected]:
    return {
        place: e if e.structure is None else replace(e, structure=foreign.of(e.structure))
        for place, e in expected.items()
    }
