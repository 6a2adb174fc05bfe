"""Builds a reference from the migrations in a scratch place, and removes it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.fixed import FixedIsolationProvider
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.reference.naming import new_name
from fastapi_tenancy.migrations.reference.scratch import Scratch, ScratchFile
from fastapi_tenancy.migrations.reference.server import ScratchDatabase, ScratchSchema
from fastapi_tenancy.model.event import Differed, Event, Listener, Warned, silent
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Command, ProofLevel
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant

INSTEAD = "; --tenant IDENTIFIER compares with a tenant that stands at head"
"""What whoever compares models can do without a reference; others leave it out."""


class WasInterruptedError(TenancyError):
    """Somebody asked for an end before the work was done; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A place at a revision that is nobody's, and the isolation that leads there."""

    target: Target
    isolation: IsolationProvider


class _Isolation(FixedIsolationProvider):
    """Leads to the one scratch place; what tenants share is watched as in any run."""

    def __init__(self, fleet: Fleet, scratch: Scratch) -> None:
        super().__init__(fleet.config, [scratch.target])
        beside = isinstance(scratch, ScratchSchema)
        self._shared = fleet.isolation.shared_schemas() if beside else ()

    def shared_schemas(self) -> tuple[str, ...]:
        return self._shared


@contextmanager
def reference(
    fleet: Fleet,
    history: History,
    like: Target | None = None,
    *,
    after: tuple[str, ...] = (),
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
        after: tracks that have to stand before this one; named where it fails.
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
    scratch = _scratch(fleet, like, beside)
    scratch.sweep()
    try:
        scratch.make()
        made = Reference(scratch.target, _Isolation(fleet, scratch))
        for revision in _revisions(history, heads):
            report = _build(fleet, history, made, revision, extra, listener, stop)
            _require_built(report, revision, history, after, stop)
        yield made
    finally:
        _removed(scratch, listener)


def _revisions(history: History, heads: tuple[str, ...] | None) -> tuple[str, ...]:
    """What to ask for, one after the other; nothing where nothing is to be there."""
    if heads is not None and heads != history.heads:
        return heads
    return ("heads",) if history.known else ()  # the first revision may be about to be written


def _scratch(fleet: Fleet, like: Target | None, beside: Target | None) -> Scratch:
    name, timeout = new_name(), fleet.config.connect_timeout_s
    if beside is not None:
        nobody = Tenant(id=name, identifier=name, shard=beside.tenant.shard)
        target = replace(beside, tenants=(nobody,))
    else:
        target = like or fleet.isolation.target(_nobody(fleet, name))
    require_reachable(target)
    if target.is_file:
        return ScratchFile(name, target)
    if target.schema and like is None:
        return ScratchSchema(name, target, fleet.isolation.shared_schemas(), timeout)
    return ScratchDatabase(name, target, timeout)


def _nobody(fleet: Fleet, name: str) -> Tenant:
    """A tenant of no catalogue, on the first server there is."""
    home = next(iter(Homes(fleet.config)), None)
    return Tenant(id=name, identifier=name, shard=home.shard if home else None)


def _build(
    fleet: Fleet,
    history: History,
    made: Reference,
    revision: str,
    extra: tuple[str, ...],
    listener: Listener,
    stop: Stop,
) -> Report:
    options = fleet.options(
        Command.UPGRADE,
        revision,
        concurrency=1,
        create=True,  # a file is there once somebody connects to it
        proof=ProofLevel.REVISION,
        x_arguments=extra,
    )
    run = FleetRun(history, made.isolation, options, listener=_told(listener), stop=stop)
    return run.execute(lambda: [made.target.tenant])


def _told(listener: Listener) -> Listener:
    """Pass on what concerns others: that the migrations changed what all tenants share."""

    def listen(event: Event) -> None:
        if isinstance(event, Differed):
            listener(event)

    return listen


def _require_built(
    report: Report, revision: str, history: History, after: tuple[str, ...], stop: Stop
) -> None:
    if stop.requested.is_set():
        raise WasInterruptedError("interrupted while the reference was built")
    (outcome,) = report.outcomes
    heads = tuple(sorted(outcome.to_heads))
    there = heads == history.heads if revision == "heads" else revision in heads
    if not outcome.success or not there:
        raise MigrationFailedError(
            f"no reference could be built, because the migrations fail in an empty place:"
            f" {outcome.error}. {_advice(after)}{INSTEAD}"
        )


def _advice(after: tuple[str, ...]) -> str:
    if not after:
        return "A new tenant would fail in the same way"
    upgrades = " and ".join(f"`tenancy upgrade --track {name}`" for name in after)
    return f"What other tracks make has to be there first: run {upgrades}"


def _removed(scratch: Scratch, listener: Listener) -> None:
    """Remove it; where that fails and nothing else has, say so."""
    try:
        scratch.remove(scratch.name)
    except TenancyError as error:
        listener(Warned(f"{error}. The next run that builds one tries again"))
