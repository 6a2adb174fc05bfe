"""Builds a reference from the migrations in a scratch place, and removes it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import inspect

from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.env.connecting import connected
from fastapi_tenancy.migrations.env.placing import Place
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.reference.earlier import Earlier
from fastapi_tenancy.migrations.reference.ground import Ground, grounds, made
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.event import Differed, Event, Listener, silent
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Command, ProofLevel
from fastapi_tenancy.model.target import Target

_INSTEAD = "; --tenant IDENTIFIER compares with a tenant that stands at head"
"""What whoever compares models can do without a reference; others leave it out."""


class NoReferenceError(MigrationFailedError):
    """The migrations fail in an empty place; ``found`` and ``instead`` as in ``ScratchError``."""

    def __init__(self, found: str, instead: str) -> None:
        super().__init__(found + instead)
        self.found = found


class WasInterruptedError(TenancyError):
    """Somebody asked for an end before the work was done; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A place at a revision that is nobody's, and the isolation that leads there.

    ``others`` are tables in it that other tracks have made.
    """

    target: Target
    isolation: IsolationProvider
    others: frozenset[str] = frozenset()


class _Isolation(FixedIsolationProvider):
    """Leads to one scratch place; what tenants share is watched as in any run."""

    def __init__(self, fleet: Fleet, target: Target, shared: tuple[str, ...] = ()) -> None:
        super().__init__(fleet.config, [target])
        self._shared = shared

    def shared_schemas(self) -> tuple[str, ...]:
        return self._shared


@contextmanager
def reference(
    fleet: Fleet,
    history: History,
    like: Target | None = None,
    *,
    before: Sequence[Opened] = (),
    beside: Target | None = None,
    heads: tuple[str, ...] | None = None,
    extra: tuple[str, ...] = (),
    listener: Listener = silent,
    stop: Stop | None = None,
) -> Iterator[Reference]:
    """Yield a place that migrations have been run in, and that nobody lives in.

    Args:
        like: one of the places that a track goes to which is not about tenants: the reference is
            a database that has it; by default it is what a new tenant would get.
        before: the tracks that have to stand before this one, in their order: they are built
            first, in the same place, but for those that stand in the database of the tenants.
        beside: where a tenant lives: the reference is a place of the same kind, on its server.
        heads: the position it is brought to, all heads of the scripts by default.
        extra: the user's own ``-x`` arguments.
        stop: ends the building, even in the middle of a revision.

    Raises:
        ScratchError: the place could not be made.
        MigrationFailedError: the migrations fail in an empty place.
        WasInterruptedError: ``stop`` was asked for.
        ConfigurationError: as for any run.
    """
    stop = stop or Stop()
    with made(grounds(fleet, like, beside, before, extra), listener) as ground:
        build = _Build(ground, extra, listener, stop)
        for earlier in ground.first:
            build.earlier(earlier)
        target = ground.scratch.target
        others = _tables(target, fleet.config.connect_timeout_s) if ground.first else ()
        isolation = _Isolation(fleet, target, ground.shared)
        build.own(fleet, history, isolation, heads)
        yield Reference(target, isolation, frozenset(others))


def _revisions(history: History, heads: tuple[str, ...] | None) -> tuple[str, ...]:
    """What to ask for, one after the other; nothing where nothing is to be there."""
    if heads is not None and heads != history.heads:
        return heads
    return ("heads",) if history.known else ()  # the first revision may be about to be written


@dataclass(frozen=True, slots=True)
class _Build:
    """Brings the histories of a reference to where they should be, one after the other."""

    ground: Ground
    extra: tuple[str, ...]
    listener: Listener
    stop: Stop

    def earlier(self, earlier: Earlier) -> None:
        """Build a track that comes first."""
        fleet, track = earlier.opened.fleet, earlier.opened.track
        history = fleet.history()
        if not history.known:
            return
        report = self._run(fleet, history, _Isolation(fleet, earlier.target), track.asked("heads"))
        whose = f"the migrations of the track {track.name!r}, which comes first, fail"
        advice = f"That track has to be mended{self.ground.advice_first}"
        self._require(report, track.asked("heads"), history, f"{whose} in an empty place", advice)

    def own(
        self,
        fleet: Fleet,
        history: History,
        isolation: FixedIsolationProvider,
        heads: tuple[str, ...] | None,
    ) -> None:
        """Build what the reference is for."""
        for revision in _revisions(history, heads):
            report = self._run(fleet, history, isolation, revision)
            whose = "the migrations fail in an empty place"
            self._require(report, revision, history, whose, self.ground.advice)

    def _run(
        self, fleet: Fleet, history: History, isolation: FixedIsolationProvider, revision: str
    ) -> Report:
        options = fleet.options(
            Command.UPGRADE,
            revision,
            concurrency=1,
            create=True,  # a file is there once somebody connects to it
            proof=ProofLevel.REVISION,
            x_arguments=self.extra,
        )
        told = _told(self.listener)
        run = FleetRun(history, isolation, options, listener=told, stop=self.stop)
        return run.execute(lambda: isolation.tenants()[:1])

    def _require(
        self, report: Report, revision: str, history: History, whose: str, advice: str
    ) -> None:
        if self.stop.requested.is_set():
            raise WasInterruptedError("interrupted while the reference was built")
        (outcome,) = report.outcomes
        if outcome.success and not history.span(Command.UPGRADE, revision, outcome.to_heads).moves:
            return
        raise NoReferenceError(
            f"no reference could be built, because {whose}: {outcome.error}. {advice}", _INSTEAD
        )


def _tables(target: Target, timeout_s: float) -> list[str]:
    """The tables that are there before the reference's own."""
    with connected(Place(target.address), timeout_s) as connection:
        return inspect(connection).get_table_names(schema=target.schema or None)


def _told(listener: Listener) -> Listener:
    """Pass on what concerns others: that the migrations changed what all tenants share."""

    def listen(event: Event) -> None:
        if isinstance(event, Differed):
            listener(event)

    return listen
