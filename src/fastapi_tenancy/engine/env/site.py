"""Targets that env.py itself migrates: planned and proven as others, moved by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import psycopg

from fastapi_tenancy.engine.brief import Brief, Prepared, failed
from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.job import Answer, Job, Setup, shipped
from fastapi_tenancy.engine.env.making import make
from fastapi_tenancy.engine.project import own_steps
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.engine.verify import verified
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.event import CohortStarted, Planned, Stopping
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.plan import Cohort, Command, Plan, Road
from fastapi_tenancy.model.script import cut
from fastapi_tenancy.model.target import Position, PositionState, Target, TargetKey
from fastapi_tenancy.model.url import masked

UNREAD = (
    "it was migrated without an error, but could not be read back afterwards; run again to be sure"
)


@dataclass(slots=True)
class _Work:
    """A plan under way: the cohort of each target that has not ended yet."""

    cohorts: dict[TargetKey, Cohort] = field(default_factory=dict)
    targets: dict[TargetKey, Target] = field(default_factory=dict)
    ended: dict[TargetKey, Outcome] = field(default_factory=dict)


class EnvSite:
    """Targets of another site, which reads where they stand."""

    def __init__(self, brief: Brief, reader: Site, crew: Callable[[], Crew]) -> None:
        self._brief = brief
        self._reader = reader
        self._crew = crew

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        prepared = self._reader.prepare(targets)
        stages = tuple(
            cut(own_steps(c.span), c.span.before, per_move=False) for c in prepared.plan.cohorts
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
        plan = brief.plan(targets, self._reader.look(targets))
        brief.listener(Planned(plan))
        brief.settle(plan)
        work = self._begun(plan)
        if work.targets and not brief.stop.requested.is_set():
            self._crew().each(self._jobs(work), lambda job, answer: self._end(work, job, answer))
        if brief.stop.requested.is_set():
            brief.listener(Stopping())
        self._prove(work)

    def close(self) -> None:
        """Leave no connection behind."""
        self._reader.close()

    def _begun(self, plan: Plan) -> _Work:
        work = _Work()
        for cohort in plan.cohorts:
            if self._brief.stop.requested.is_set():
                return work
            if cohort.position.half_done is not None:
                self._refuse_half_done(cohort)
                continue
            steps = tuple(c.step for c in own_steps(cohort.span))
            self._brief.listener(CohortStarted(cohort, steps))
            for target in cohort.targets:
                work.targets[target.key] = target
                work.cohorts[target.key] = cohort
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

    def _jobs(self, work: _Work) -> Iterator[Job]:
        for key, target in work.targets.items():
            cohort = work.cohorts[key]
            if cohort.position.state is PositionState.MISSING and not self._made(target, work):
                continue
            yield Job((shipped(target),), purge=self._purges(cohort.position))

    def _made(self, target: Target, work: _Work) -> bool:
        try:
            make(target, self._brief.isolation, self._brief.options.connect_timeout_s)
        except TenancyError as error:
            self._told(work, target.key, Answer(masked(str(error))))
            return False
        return True

    def _purges(self, position: Position) -> bool:
        """A stamp replaces version rows that lead nowhere, as ``alembic stamp --purge`` does."""
        if self._brief.options.command is not Command.STAMP:
            return False
        history = self._brief.history
        return bool(
            set(position.heads) - history.known
            or self._brief.request(Target("", ())).passed(position.heads)
        )

    def _end(self, work: _Work, job: Job, answer: Answer) -> None:
        self._told(work, job.targets[0].key, answer)

    def _told(self, work: _Work, key: TargetKey, answer: Answer) -> None:
        cohort = work.cohorts[key]
        outcome = Outcome(
            work.targets[key],
            OutcomeKind.FAILED if answer.error else OutcomeKind.MIGRATED,
            cohort.span.before,
            cohort.span.before if answer.error else cohort.span.after,
            Road.ENV.value,
            answer.error,
            answer.duration_ms,
            traceback=answer.traceback,
        )
        work.ended[key] = outcome
        self._brief.tally.end(outcome)

    def _prove(self, work: _Work) -> None:
        """Read back what became of everybody, of those too at which env.py failed."""
        ended = list(work.ended.values())
        try:
            found = list(self._reader.look([o.target for o in ended])) if ended else []
        except (TenancyError, psycopg.Error):
            for outcome in ended:
                if outcome.success:
                    unread = replace(outcome, kind=OutcomeKind.FAILED, error=UNREAD)
                    self._brief.tally.correct(unread)
            return
        for outcome in self._proven(work, ended, found):
            self._brief.tally.correct(outcome)

    def _proven(
        self, work: _Work, ended: list[Outcome], found: list[Position]
    ) -> Iterable[Outcome]:
        claimed, positions = [], []
        for outcome, position in zip(ended, found, strict=True):
            after = work.cohorts[outcome.target.key].span.after
            if outcome.error and position.heads != after:
                yield replace(outcome, to_heads=position.heads)
                continue
            # An error after the commit leaves the target where it should be.
            claimed.append(
                replace(
                    outcome,
                    kind=OutcomeKind.MIGRATED,
                    to_heads=after,
                    error=None,
                    traceback=None,
                )
            )
            positions.append(position)
        yield from verified(claimed, positions)


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
