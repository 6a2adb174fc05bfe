"""One fleet run, from tenants to a report."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.cohort import CohortRunner
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.plan import Request, make_plan
from fastapi_tenancy.engine.project import Project, load_project
from fastapi_tenancy.engine.readback import ReadBack
from fastapi_tenancy.engine.recall import complete
from fastapi_tenancy.engine.shared import SharedSchemas
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.tally import Tally
from fastapi_tenancy.engine.targets import Resolved, TenantSource, resolve, resolve_again
from fastapi_tenancy.history.passed import passed
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import (
    Finished,
    Listener,
    Planned,
    Reading,
    Stopping,
    Warned,
    silent,
)
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Proof, Report
from fastapi_tenancy.model.plan import Command, Plan, Span
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.positions import read_fleet

ROUNDS = 5
"""How often targets that another runner moved meanwhile are planned again."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and the stages of each of its cohorts; nothing has been changed."""

    plan: Plan
    stages: tuple[tuple[Stage, ...], ...]
    project: Project | None = None
    """None where no tenant has a target."""


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
        self._tally = Tally(listener)
        self._budgeted = False

    def prepare(self, tenants: Iterable[Tenant]) -> Prepared:
        """Plan without changing anything: the same road with the last gate closed.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        self._history.require(self._options.revision)
        resolved = resolve(self._isolation, tenants)
        plan = Plan(self._options.command, self._options.revision, (), (), ())
        stages: tuple[tuple[Stage, ...], ...] = ()
        project: Project | None = None
        if resolved.targets:
            with self._line() as line:
                project = self._project(resolved.targets)
                table = project.environment.version_table
                positions = read_fleet(line, _schemas(resolved.targets), table)
                plan = self._plan(resolved.targets, positions)
            stages = tuple(self._stages(project, c.span, c.targets[0]) for c in plan.cohorts)
        plan = replace(plan, refusals=(*resolved.refusals, *plan.refusals))
        return Prepared(plan, stages, project)

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
        with self._line() as line:
            self._fleet(line, tenants)
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

    def _fleet(self, line: Line, tenants: TenantSource) -> None:
        shared = SharedSchemas(line.connection(), self._isolation.shared_schemas())
        proof = ReadBack(line, self._tally, self._listener)
        with ExitStack() as closing:
            self._all(line, tenants, proof, closing)
            proof.compare(shared)

    def _all(self, line: Line, tenants: TenantSource, proof: ReadBack, closing: ExitStack) -> None:
        """Move all tenants, those too that are created meanwhile."""
        seen: dict[str, Target] = {}
        known: set[str] = set()
        resolved = resolve(self._isolation, tenants())
        runner: CohortRunner | None = None
        while resolved.targets or resolved.refusals:
            for refusal in resolved.refusals:
                self._tally.refuse(_failed(refusal.target, refusal.position, refusal.error))
            seen |= {t.schema: t for t in resolved.targets}
            known |= {t.id for t in resolved.tenants()}
            if resolved.targets:
                if runner is None:
                    runner = self._runner(line, self._project(resolved.targets))
                    closing.callback(runner.close)
                self._tally.expect(resolved.targets)
                self._rounds(line, runner, resolved.targets)
                if self._stop.requested.is_set():
                    self._listener(Stopping())
                proof.prove(runner)
            if self._stop.requested.is_set():
                break
            again = resolve_again(self._isolation, tenants, self._listener)
            if again is None:
                break
            self._forgive_deleted(again, seen)
            resolved = again.without(seen, known)
        self._skip_rest(seen)

    def _runner(self, line: Line, project: Project) -> CohortRunner:
        return CohortRunner(
            project, self._isolation, self._options, self._tally, self._listener, self._stop, line
        )

    def _rounds(self, line: Line, runner: CohortRunner, targets: list[Target]) -> None:
        """Plan and run; targets that another runner moved meanwhile are planned again."""
        for _ in range(ROUNDS):
            plan = self._plan(targets, self._positions(line, runner, _schemas(targets)))
            self._listener(Planned(plan))
            self._settle(plan)
            if plan.cohorts:
                self._check_budget(line)
            for cohort in plan.cohorts:
                if self._stop.requested.is_set():
                    return
                runner.run(cohort, self._stages(runner.project, cohort.span, cohort.targets[0]))
            targets = self._tally.take_moved()
            if not targets:
                return
        for target in targets:
            self._tally.end(_failed(target, Position(), "other runners keep moving it; run again"))

    def _check_budget(self, line: Line) -> None:
        """Once, before anything is changed: it refuses the whole run."""
        if self._budgeted:
            return
        self._budgeted = True
        warning = check_budget(line.connection(), self._options.concurrency)
        if warning:
            self._listener(Warned(warning))

    def _positions(
        self, line: Line, runner: CohortRunner, schemas: list[str]
    ) -> Iterable[Position]:
        """Read by the workers where that pays, which the budget must allow."""
        if not runner.learns(len(schemas)):
            return read_fleet(line, schemas, runner.version_table)
        self._check_budget(line)
        return complete(line, schemas, runner.learn(schemas), runner.version_table)

    def _plan(self, targets: list[Target], positions: Iterable[Position]) -> Plan:
        def found() -> Iterable[tuple[Target, Position]]:
            for number, pair in enumerate(zip(targets, positions, strict=True), start=1):
                if number % 1000 == 0:
                    self._listener(Reading(number, len(targets)))
                yield pair

        history, options = self._history, self._options
        request = Request(
            options.command,
            options.revision,
            lambda heads: history.span(options.command, options.revision, heads),
            history.known,
            lambda heads: passed(history.directory, heads),
            create=options.create,
        )
        return make_plan(request, found())

    def _stages(self, project: Project, span: Span, sample: Target) -> tuple[Stage, ...]:
        if self._options.command is Command.STAMP:
            return project.stamp_stages(span)
        return project.stages(project.steps(span, sample, self._options.engine), span)

    def _project(self, targets: list[Target]) -> Project:
        return load_project(
            self._history, tuple(targets[:2]), self._isolation.address(), self._options.x_arguments
        )

    def _settle(self, plan: Plan) -> None:
        """End the targets that need no work or cannot be worked on."""
        for cohort in plan.there:
            heads = cohort.position.heads
            proof = Proof(heads)
            for target in cohort.targets:
                known = self._tally.outcome(target.schema)
                self._tally.end(
                    known or Outcome(target, OutcomeKind.THERE, heads, heads, proof=proof)
                )
        for refusal in plan.refusals:
            self._tally.end(_failed(refusal.target, refusal.position, refusal.error))

    def _forgive_deleted(self, again: Resolved, seen: dict[str, Target]) -> None:
        """A tenant that left the catalogue meanwhile, or was marked deleted, has not failed."""
        left = {t.schema for t in again.targets} | {r.target.schema for r in again.refusals}
        for schema in seen.keys() - left:
            outcome = self._tally.outcome(schema)
            if outcome is not None and outcome.kind is OutcomeKind.FAILED:
                self._tally.correct(
                    replace(
                        outcome,
                        kind=OutcomeKind.SKIPPED,
                        error=f"deleted during the run ({outcome.error})",
                    )
                )

    def _skip_rest(self, seen: dict[str, Target]) -> None:
        for target in self._tally.unfinished(seen):
            self._tally.end(
                Outcome(target, OutcomeKind.SKIPPED, error="not started: the run was interrupted")
            )

    def _line(self) -> Line:
        return Line(self._isolation.address(), self._options.connect_timeout_s)


def _failed(target: Target, position: Position, error: str) -> Outcome:
    return Outcome(target, OutcomeKind.FAILED, position.heads, position.heads, error=error)


def _schemas(targets: list[Target]) -> list[str]:
    return [t.schema for t in targets]
