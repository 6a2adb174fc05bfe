"""Carries a run out on every track, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from fastapi_tenancy.engine.brief import Prepared, failed
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.tracks.ahead import those_ahead, told_of
from fastapi_tenancy.migrations.tracks.behind import Look
from fastapi_tenancy.migrations.tracks.clashes import refuse_shared_version_tables
from fastapi_tenancy.migrations.tracks.holding import Holding, targets_of
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.migrations.tracks.ordering import before
from fastapi_tenancy.migrations.tracks.waiting import Fallen
from fastapi_tenancy.model.event import Listener, TrackStarted, Warned, silent
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Report
from fastapi_tenancy.model.plan import Command, Refusal
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope, Track

_EACH_ITS_OWN = ("head", "heads")
"""Revisions that mean something in every track."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A track, the fleet it goes to, and what it is asked for."""

    track: Track
    fleet: Fleet
    options: RunOptions


@dataclass(frozen=True, slots=True)
class Ended:
    """A track and the report of its run."""

    track: Track
    report: Report


class TracksRun:
    """A request to the tracks of a project, checked before anything is changed.

    Args:
        every: all tracks of the project, in their order.
        only: the name of the one that is meant, or None for all of them.

    Raises:
        ConfigurationError: the request cannot be carried out for anybody.
    """

    def __init__(
        self,
        every: tuple[Opened, ...],
        command: Command,
        revision: str,
        *,
        only: str | None = None,
        **given: object,
    ) -> None:
        self._every = every
        chosen = tuple(o for o in every if only in (None, o.track.name))
        if len(chosen) > 1:
            _refuse_ambiguous(command, revision, chosen)
        self.asked = tuple(_asked(o, command, revision, given) for o in chosen)
        self._only = only
        self._fallen, self._warnings = Fallen(), list[str]()

    def check(self) -> None:
        """Refuse what would be refused later, when other tracks have been changed.

        Raises:
            ConfigurationError: a revision that a track does not know, tracks that share a version
                table, one that a single track waits for and that is behind, or no list of tenants
                where they are asked for.
        """
        self._fallen, self._warnings = Fallen(), []
        if len(self._every) == 1:
            return  # the run itself checks it
        for asked in self.asked:
            asked.fleet.history().require(asked.options.revision)
        of_tenants = any(a.track.scope is Scope.TENANT for a in self.asked)
        refuse_shared_version_tables(self._every, listed=of_tenants)
        if self._only is not None and self.asked[0].options.command is Command.UPGRADE:
            look = Look(self.asked[0].track, self._fallen)
            look.alone(self._before(self.asked[0]))
            self._warnings += look.warnings

    def prepare(self, selection: Selection) -> list[tuple[Asked, Prepared]]:
        """Plan every track and change nothing.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        self.check()
        return [(a, _prepared(a, selection, self._holding(a, selection))) for a in self.asked]

    def run(
        self, selection: Selection, *, listener: Listener = silent, stop: Stop | None = None
    ) -> list[Ended]:
        """Carry the run out; a track begins when those it waits for have ended.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        self.check()
        self._require_chosen(selection)
        stop = stop or Stop()
        ended: list[Ended] = []
        for asked in self.asked:
            if stop.requested.is_set() and ended:
                ended.append(Ended(asked.track, _not_started(asked, selection)))
                continue
            if asked.track.name:
                listener(TrackStarted(asked.track))
            holding = self._holding(asked, selection)
            self._warn(listener)
            report = _run(asked, selection, listener, stop, holding, ended)
            ended.append(Ended(asked.track, report))
            self._note(asked, report)
        self._warn(listener)
        return ended

    def _require_chosen(self, selection: Selection) -> None:
        """Refuse names that nobody has before other tracks are changed."""
        if len(self.asked) > 1 and (selection.identifiers or selection.exclude):
            of_tenants = (a.fleet for a in self.asked if a.track.scope is Scope.TENANT)
            for fleet in islice(of_tenants, 1):
                fleet.tenants(selection)

    def _holding(self, asked: Asked, selection: Selection) -> Holding:
        track, waits_for = asked.track, self._before(asked)
        is_upgrade = asked.options.command is Command.UPGRADE
        if is_upgrade and self._only is None and selection != Selection():
            look = Look(track, self._fallen)
            look.beyond(waits_for, selection)
            self._warnings += look.warnings
        kind = OutcomeKind.SKIPPED if self._only is None else OutcomeKind.FAILED
        names = tuple(o.track.name for o in waits_for)
        return Holding(asked.fleet, track, self._fallen, names, kind)

    def _before(self, asked: Asked) -> tuple[Opened, ...]:
        names = {t.name for t in before(asked.track, tuple(o.track for o in self._every))}
        return tuple(o for o in self._every if o.track.name in names)

    def _note(self, asked: Asked, report: Report) -> None:
        """Remember for those that wait for a track what does not stand of it."""
        name, ahead = asked.track.name, {}
        if any(name in other.track.after for other in self.asked):
            ahead = those_ahead(asked.fleet, report.outcomes)
        if ahead:
            self._warnings.append(told_of(asked.track, ahead.values()))
        self._fallen.note(asked.track, report.outcomes, ahead)

    def _warn(self, listener: Listener) -> None:
        while self._warnings:
            listener(Warned(self._warnings.pop(0)))


def means_one_track(command: Command, revision: str) -> bool:
    """True where several tracks cannot be meant at once: the revision is one of a single one."""
    return command is Command.DOWNGRADE or revision not in _EACH_ITS_OWN


def _refuse_ambiguous(command: Command, revision: str, chosen: tuple[Opened, ...]) -> None:
    if not means_one_track(command, revision):
        return
    names = ", ".join(o.track.name for o in chosen)
    raise ConfigurationError(
        f"{command.value} {revision} has to say which track is meant: --track NAME, of {names}."
        " Nothing was changed"
    )


def _asked(opened: Opened, command: Command, revision: str, given: dict[str, object]) -> Asked:
    track, fleet = opened.track, opened.fleet
    if track.scope is Scope.SHARED and command is Command.UPGRADE:
        given = {**given, "create": True}  # the settings name its schema: it is meant to be there
    return Asked(track, fleet, fleet.options(command, track.asked(revision), **given))


def _prepared(asked: Asked, selection: Selection, holding: Holding) -> Prepared:
    prepared = holding.fleet().prepare(asked.options, selection)
    held = (Refusal(o.target, Position(), o.error or "") for o in holding.outcomes())
    plan = replace(prepared.plan, refusals=(*prepared.plan.refusals, *held))
    return replace(prepared, plan=plan)


def _run(
    asked: Asked,
    selection: Selection,
    listener: Listener,
    stop: Stop,
    holding: Holding,
    ended: list[Ended],
) -> Report:
    fleet = holding.fleet()
    try:
        report = fleet.run(asked.options, selection, listener=listener, stop=stop)
    except ConfigurationError as error:
        if all(o.kind is OutcomeKind.THERE for e in ended for o in e.report.outcomes):
            raise
        report = _refused(asked, fleet.tenants(selection), _of_this(error))
    return replace(report, outcomes=(*report.outcomes, *holding.outcomes()))


def _of_this(error: ConfigurationError) -> str:
    """What it says without a word about the run: of other tracks there is more to tell."""
    return str(error).removesuffix(". Nothing was changed")


def _refused(asked: Asked, tenants: list[Tenant], error: str) -> Report:
    """Other tracks moved or failed: what this one could not do is told with what they did."""
    return _report(asked, (failed(t, Position(), error) for t in targets_of(asked.fleet, tenants)))


def _not_started(asked: Asked, selection: Selection) -> Report:
    told = "not started: the run was interrupted"
    targets = targets_of(asked.fleet, asked.fleet.tenants(selection))
    report = _report(asked, (Outcome(t, OutcomeKind.SKIPPED, error=told) for t in targets))
    return replace(report, interrupted=True)


def _report(asked: Asked, outcomes: Iterable[Outcome]) -> Report:
    options = asked.options
    return Report("", options.command, options.revision, tuple(outcomes), (), 0.0)
