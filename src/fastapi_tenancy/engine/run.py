"""One fleet run, from tenants to a report."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from fastapi_tenancy.engine.brief import Brief, Prepared, failed, joined_up
from fastapi_tenancy.engine.lanes import Group, Lane, in_lanes
from fastapi_tenancy.engine.moving import move
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.plan import refuse_for_all
from fastapi_tenancy.engine.sites import Sites
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.tally import Tally
from fastapi_tenancy.engine.targets import Resolved, TenantSource, resolve, resolve_again
from fastapi_tenancy.engine.telling import Telling
from fastapi_tenancy.engine.unmade import told_apart
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import Finished, Listener, silent
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Report
from fastapi_tenancy.model.plan import Plan, Refusal
from fastapi_tenancy.model.target import Position, Target, TargetKey
from fastapi_tenancy.model.tenant import Tenant


class FleetRun:
    """Moves a fleet to a revision; made anew for each run."""

    def __init__(
        self,
        history: History,
        isolation: IsolationProvider,
        options: RunOptions,
        *,
        listener: Listener = silent,
        stop: Stop | None = None,
    ) -> None:
        self._history = history
        self._isolation = isolation
        self._options = options
        self._listener = listener
        self._stop = stop or Stop()
        telling = Telling(listener)
        self._tally = Tally(telling)
        part = self._tally.part("")
        self._brief = Brief(history, isolation, options, part, telling, self._stop)

    def prepare(self, tenants: Iterable[Tenant]) -> Prepared:
        """Plan without changing anything: the same road with the last gate closed.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        self._history.require(self._options.revision)
        resolved = resolve(self._isolation, tenants)
        with ExitStack() as closing:
            lanes = Sites(self._brief, closing).lanes(resolved.targets)
            parts = in_lanes(lanes, lambda _, g: g.site.prepare(g.targets), self._left_out)
        whole = joined_up(self._options.command, self._options.revision, parts)
        if not (whole.plan.cohorts or whole.plan.there):
            refuse_for_all(r.error for r in whole.plan.refusals if r.no_road)
        refusals = (*resolved.refusals, *map(told_apart, whole.plan.refusals))
        return replace(whole, plan=replace(whole.plan, refusals=refusals))

    def execute(self, tenants: TenantSource) -> Report:
        """Carry the run out and prove it.

        Args:
            tenants: asked again at the end, so that tenants created meanwhile are not left
                behind and failures of tenants deleted meanwhile are not counted as such.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        started, run_id = time.perf_counter(), uuid.uuid4().hex
        self._history.require(self._options.revision)
        with ExitStack() as closing:
            self._all(Sites(self._brief, closing), tenants)
        report = Report(
            run_id=run_id,
            command=self._options.command,
            revision=self._options.revision,
            outcomes=self._tally.all(),
            differences=tuple(self._tally.differences),
            duration_s=time.perf_counter() - started,
            interrupted=self._stop.requested.is_set(),
        )
        self._listener(Finished(report))
        return report

    def _all(self, sites: Sites, tenants: TenantSource) -> None:
        """Move all tenants, those too that are created meanwhile."""
        seen: dict[TargetKey, Target] = {}
        known: set[str] = set()
        resolved, again = resolve(self._isolation, tenants()), False
        while resolved.targets or resolved.refusals:
            for refusal in resolved.refusals:
                self._tally.refuse(failed(refusal.target, refusal.position, refusal.error))
            seen |= {t.key: t for t in resolved.targets}
            known |= {t.id for t in resolved.tenants()}
            self._tally.expect(resolved.targets)
            move(sites.lanes(resolved.targets), again=again)
            self._end_postponed()
            if self._stop.requested.is_set():
                break
            now = resolve_again(self._isolation, tenants, self._listener)
            if now is None:
                break
            self._forgive_deleted(now, seen)
            # Those who were being created may have their place by now.
            there = seen.keys() - self._tally.take_put_off()
            resolved, again = now.without(there, known), True
        self._tally.end_put_off()
        self._skip_rest(seen)

    def _left_out(self, lane: Lane, group: Group, told: str) -> Prepared:
        """The plan for targets of a server that cannot be worked on."""
        server, options = lane.brief.label, self._options
        refusals = tuple(Refusal(t, Position(), told, server=server) for t in group.targets)
        return Prepared(Plan(options.command, options.revision, (), (), refusals))

    def _end_postponed(self) -> None:
        """Fail the targets without a road, or the run where nobody has one."""
        postponed = self._tally.take_postponed()
        if not self._tally.leads_somewhere:
            refuse_for_all(o.error or "" for o in postponed)
        for outcome in postponed:
            self._tally.end(outcome)

    def _forgive_deleted(self, again: Resolved, seen: dict[TargetKey, Target]) -> None:
        """A tenant that left the catalogue meanwhile, or was marked deleted, has not failed."""
        left = {t.key for t in again.targets} | {r.target.key for r in again.refusals}
        for key in seen.keys() - left:
            outcome = self._tally.outcome(key)
            if outcome is not None and outcome.kind is OutcomeKind.FAILED:
                self._tally.correct(
                    replace(
                        outcome,
                        kind=OutcomeKind.SKIPPED,
                        error=f"deleted during the run ({outcome.error})",
                    )
                )

    def _skip_rest(self, seen: dict[TargetKey, Target]) -> None:
        told = "not started: the run was interrupted"
        for target, heads in self._tally.unfinished(seen):
            self._tally.end(Outcome(target, OutcomeKind.SKIPPED, heads, heads, error=told))
