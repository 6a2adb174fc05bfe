"""Targets that env.py itself migrates: planned and proven as others, moved by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import psycopg

from fastapi_tenancy.engine.brief import Brief, Prepared, failed
from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.job import Job, Setup, shipped
from fastapi_tenancy.engine.env.looping import Looping
from fastapi_tenancy.engine.env.surroundings import Surroundings
from fastapi_tenancy.engine.env.work import Work
from fastapi_tenancy.engine.project import ASKED, own_steps
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.event import CohortStarted, Planned, Stopping
from fastapi_tenancy.model.plan import Cohort, Plan
from fastapi_tenancy.model.script import cut
from fastapi_tenancy.model.target import Position, Target


class EnvSite:
    """Targets of another site, which reads where they stand."""

    def __init__(
        self, brief: Brief, reader: Site, crew: Callable[[], Crew], reason: str = ASKED
    ) -> None:
        """Args:
        reason: why it is env.py that migrates here.
        """
        self._brief = brief
        self._reason = reason
        self._reader = reader
        self._crew = crew

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        prepared = self._reader.prepare(targets)
        stages = tuple(
            cut(own_steps(c.span, self._reason), c.span.before, per_move=False)
            for c in prepared.plan.cohorts
        )
        return replace(prepared, stages=stages)

    def look(self, targets: list[Target]) -> Iterator[Position]:
        """Yield where each target stands, in order."""
        return self._reader.look(targets)

    def run(self, targets: list[Target]) -> None:
        """Move the targets and prove it.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        brief = self._brief
        prepared = self._reader.prepare(targets)
        brief.listener(Planned(prepared.plan))
        brief.settle(prepared.plan)
        loops = any(project.environment.loops for project in prepared.projects)
        if targets[0].schema:
            with closing(Surroundings(brief, targets[0])) as surroundings:
                surroundings.look()
                self._move(prepared.plan, loops=loops)
                surroundings.compare()
        else:
            self._move(prepared.plan, loops=loops)

    def close(self) -> None:
        """Leave no connection behind."""
        self._reader.close()

    def _move(self, plan: Plan, *, loops: bool) -> None:
        work, stop = self._begun(plan), self._brief.stop
        if work.left() and not stop.requested.is_set():
            if loops:
                Looping(work, self._crew(), self._reader, stop).run()
            else:
                jobs = self._jobs(work)
                self._crew().each(jobs, lambda job, done: work.end(job.targets[0].key, done))
        if stop.requested.is_set():
            self._brief.listener(Stopping())
        self._prove(work)

    def _begun(self, plan: Plan) -> Work:
        work = Work(self._brief)
        for cohort in plan.cohorts:
            if self._brief.stop.requested.is_set():
                break
            if cohort.position.half_done is not None:
                self._refuse_half_done(cohort)
                continue
            steps = tuple(c.step for c in own_steps(cohort.span, self._reason))
            self._brief.listener(CohortStarted(cohort, steps))
            work.add(cohort)
        return work

    def _refuse_half_done(self, cohort: Cohort) -> None:
        """Only the engine that wrote the marker can go on from the middle of a revision."""
        assert cohort.position.half_done is not None  # noqa: S101
        told = (
            f"an interrupted run left revision {cohort.position.half_done[0]} half done here, and"
            " env.py would begin it anew; finish it with --engine auto"
        )
        for target in cohort.targets:
            self._brief.tally.end(failed(target, cohort.position, told))

    def _jobs(self, work: Work) -> Iterator[Job]:
        for target in work.left():
            if work.ready(target.key):
                yield Job(
                    (shipped(target),), purge=work.purges(target.key), waits=work.waits(target.key)
                )

    def _prove(self, work: Work) -> None:
        """Read back what became of everybody, of those too at which env.py failed."""
        ended = work.ended()
        try:
            found = list(self._reader.look(ended)) if ended else []
        except (TenancyError, psycopg.Error):
            outcomes = work.unproven()
        else:
            outcomes = iter(work.proven(found))
        for outcome in outcomes:
            self._brief.tally.correct(outcome)


def setup_of(brief: Brief) -> Setup:
    """What the worker processes of a run are told when they start."""
    options, history = brief.options, brief.history
    return Setup(
        history.ini,
        history.section,
        options.command,
        options.revision,
        options.x_arguments,
        tuple(filter(None, options.settings.split("; "))),
    )
