"""A database with a schema for each of its tenants, worked on as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_tenancy.engine.brief import Brief, Prepared, failed
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.cohort import CohortRunner
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.readback import ReadBack
from fastapi_tenancy.engine.recall import complete
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.shared import SharedSchemas
from fastapi_tenancy.engine.workers import Workers
from fastapi_tenancy.model.event import Planned, Stopping
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.positions import MANY, look_up, read_fleet

ROUNDS = 5
"""How often targets that another runner moved meanwhile are planned again."""


class SchemaSite:
    """The tenants' schemas of one database."""

    def __init__(self, brief: Brief, database: str, address: str) -> None:
        self._brief = brief
        self._database = database
        self._line = Line(address, brief.options.connect_timeout_s)
        self._workers = Workers(
            lambda: Session(
                address,
                brief.isolation.search_path,
                settings=brief.options.settings,
                connect_timeout_s=brief.options.connect_timeout_s,
                later=True,
                aborted=brief.stop.aborted,
            ),
            brief.options.concurrency,
            brief.stop,
        )
        self._project: Project | None = None
        self._runner: CohortRunner | None = None
        self._budgeted = False

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        # Before env.py, which may connect as well: our message about a server is the better one.
        self._line.connection()
        project = self._made_project(targets)
        positions = self._read(project, targets)
        return self._brief.prepared(project, self._brief.plan(targets, positions))

    def look(self, targets: list[Target]) -> Iterator[Position]:
        """Yield where each target stands, in order.

        Raises:
            ConfigurationError: no connection, or env.py cannot be used.
        """
        self._line.connection()
        yield from self._read(self._made_project(targets), targets)

    def _read(self, project: Project, targets: list[Target]) -> Iterator[Position]:
        return read_fleet(self._line, _schemas(targets), project.environment.version_table)

    def run(self, targets: list[Target]) -> None:
        """Move the targets and prove it.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        brief = self._brief
        if self._learns(targets):
            self._check_budget()
            self._workers.warm(brief.options.concurrency)
        shared = SharedSchemas(self._line.connection(), brief.isolation.shared_schemas())
        if self._runner is None:
            self._runner = self._made(targets)
        runner = self._runner
        self._rounds(runner, targets)
        if brief.stop.requested.is_set():
            brief.listener(Stopping())
        back = ReadBack(self._line, brief.tally, brief.warn)
        back.prove(runner)
        # Before another site of the run begins: shared tables of its own may lie there.
        back.compare(shared)

    def close(self) -> None:
        """Leave no connection behind."""
        if self._runner is not None:
            self._runner.close()
        self._workers.close()
        self._line.close()

    def _made(self, targets: list[Target]) -> CohortRunner:
        project = self._made_project(targets)
        return CohortRunner(self._brief, project, self._workers, self._line, self._database)

    def _made_project(self, targets: list[Target]) -> Project:
        if self._project is None:
            self._project = self._brief.project(targets)
        return self._project

    def _rounds(self, runner: CohortRunner, targets: list[Target]) -> None:
        """Plan and run; targets that another runner moved meanwhile are planned again."""
        brief = self._brief
        for number in range(ROUNDS):
            plan = brief.plan(targets, self._positions(runner.project, targets))
            brief.listener(Planned(plan, again=number > 0))
            brief.settle(plan)
            if plan.cohorts:
                self._check_budget()
            for cohort in plan.cohorts:
                if brief.stop.requested.is_set():
                    return
                runner.run(cohort, brief.stages(runner.project, cohort.span, cohort.targets[0]))
            targets = brief.tally.take_moved()
            if not targets:
                return
        for target in targets:
            brief.tally.end(failed(target, Position(), "other runners keep moving it; run again"))

    def _check_budget(self) -> None:
        """Once, before anything is changed: it refuses the whole run."""
        if self._budgeted:
            return
        self._budgeted = True
        warning = check_budget(self._line.connection(), self._brief.options.concurrency)
        if warning:
            self._brief.warn(warning)

    def _learns(self, targets: list[Target]) -> bool:
        """True when the workers had better read the positions of so many targets themselves.

        A smaller fleet is read sooner by one connection; in a larger one, connections are replaced
        before they come to what they remember.
        """
        options = self._brief.options
        return MANY <= len(targets) <= options.concurrency * options.recycle_after

    def _positions(self, project: Project, targets: list[Target]) -> Iterable[Position]:
        """Read by the workers where that pays."""
        table, schemas = project.environment.version_table, _schemas(targets)
        if not self._learns(targets):
            return self._read(project, targets)
        seen = look_up(self._line.connection(), schemas, table)
        learnt = self._workers.learn(schemas, seen, table)
        return complete(self._line, schemas, learnt, table)


def _schemas(targets: list[Target]) -> list[str]:
    return [t.schema for t in targets]
