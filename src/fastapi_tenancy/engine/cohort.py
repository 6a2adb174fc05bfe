"""Runs one cohort: proves its replay on a pair, then lets the workers do the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from fastapi_tenancy.engine.apply import Applier, Progress
from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.extensions import told_of_extension
from fastapi_tenancy.engine.failure import Place, is_lost, place_of, told, traced, with_half_done
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import (
    REASON,
    SMALLEST,
    Candidates,
    Prover,
    no_pair,
    not_proven,
    one_session,
)
from fastapi_tenancy.engine.pulse import is_timeout
from fastapi_tenancy.engine.residue import carries_over
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.structures import Structures
from fastapi_tenancy.engine.workers import Workers
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.event import CohortStarted, Warned
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.plan import Cohort
from fastapi_tenancy.model.script import Stage, all_live
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.positions import read_positions


class CohortRunner:
    """Applies cohorts with the workers of one run."""

    def __init__(
        self, brief: Brief, project: Project, workers: Workers, line: Line, database: str
    ) -> None:
        options, listener = brief.options, brief.listener
        self._brief = brief
        self._line = line
        self.project = project
        self._options = options
        self._stop = brief.stop
        self._tally = brief.tally
        self._listener = listener
        self._leases = brief.leases()
        self._applier = Applier(project, brief.isolation, self._leases)
        self.structures = Structures(options.proof, brief.tally, database)
        """Those that the proof level asks for, before and after."""
        self._workers = workers
        self._prover = Prover(self._applier, project.renderer, workers.seat)
        self._warned: set[str] = set()

    def run(self, cohort: Cohort, stages: tuple[Stage, ...]) -> None:
        """Bring every target of the cohort to the end of its span, or report its failure."""
        self._listener(CohortStarted(cohort, tuple(c.step for s in stages for c in s.steps)))
        self._warn_of_extensions(stages)
        done: set[str] = set()
        limit = min(self._options.concurrency, len(cohort.targets))
        self._workers.warm(limit)
        if self._brief.needs_proof(stages):
            stages = self._prove(cohort, stages, done)
        else:
            self.structures.expect(self._workers.first, cohort, stages)
        rest = (t for t in cohort.targets if t.schema not in done)
        self._workers.each(rest, lambda s, t: self._migrate(s, t, cohort, stages), limit)

    def recall(self, schemas: Sequence[str]) -> dict[str, Position]:
        """The positions of targets served last, over the connections that served them."""
        return self._workers.recall(schemas, self.version_table)

    @property
    def version_table(self) -> str:
        """The name of the version table in every target."""
        return self.project.environment.version_table

    def disconnect(self) -> None:
        """Close the workers' connections; the next use opens new ones."""
        self._workers.disconnect()

    def close(self) -> None:
        """End the renewal of leases."""
        self._leases.close()

    def _prove(
        self, cohort: Cohort, stages: tuple[Stage, ...], done: set[str]
    ) -> tuple[Stage, ...]:
        live = tuple(all_live(s, REASON) for s in stages)
        if len(cohort.targets) < SMALLEST:
            return live
        if self._workers.pair < 2 and carries_over(stages):
            self._brief.warn(one_session(f"{len(cohort.targets)} tenants"))
            return live
        with self._prover.candidates(cohort, self._line.connection()) as candidates:
            return self._prove_among(candidates, cohort, stages, live, done)

    def _prove_among(
        self,
        candidates: Candidates,
        cohort: Cohort,
        stages: tuple[Stage, ...],
        live: tuple[Stage, ...],
        done: set[str],
    ) -> tuple[Stage, ...]:
        tried = False
        for pair in self._prover.pairs(cohort, stages, candidates):
            tried, started = True, time.perf_counter()

            def finish(
                target: Target,
                progress: Progress,
                error: BaseException | None,
                started: float = started,
            ) -> None:
                done.add(target.schema)
                session = self._workers.seat(target)
                self._end(session, target, cohort, progress, error, started)

            decided, difference = self._prover.run(pair, stages, cohort.position, finish)
            if difference is not None:
                self._tally.differ(not_proven(f"{len(cohort.targets)} tenants", difference))
                return live
            if decided:
                before = candidates.all()
                self.structures.proven(self._workers.first, cohort, stages, before, pair.live)
                return stages
        left = len(cohort.targets) - len(done)
        if left and not self._stop.requested.is_set():
            self._brief.warn(no_pair(f"{left} tenants", len(candidates.all()), tried=tried))
        return live

    def _warn_of_extensions(self, stages: tuple[Stage, ...]) -> None:
        for move in (c.step.move for s in stages for c in s.steps):
            warning = told_of_extension(move, self.project.history)
            if warning is not None and warning not in self._warned:
                self._warned.add(warning)
                self._listener(Warned(warning))

    def _migrate(
        self, session: Session, target: Target, cohort: Cohort, stages: tuple[Stage, ...]
    ) -> None:
        started = time.perf_counter()
        progress = Progress()
        error: BaseException | None = None
        try:
            self._brief.pulse.require()
            session.aim(target, self._options.recycle_after)
            for number, stage in enumerate(stages):
                at = cohort.position if number == 0 else Position(stage.before)
                self._applier.run_stage(session, target, stage, at, progress)
            session.clean()
            self._brief.pulse.heard()
        except Exception as caught:  # one failing tenant is one failing tenant
            error = caught
            self._brief.pulse.note(error)
        self._end(session, target, cohort, progress, error, started)

    def _end(
        self,
        session: Session,
        target: Target,
        cohort: Cohort,
        progress: Progress,
        error: BaseException | None,
        started: float,
    ) -> None:
        found = Position(cohort.span.after)
        if error is not None:
            session.close()
            session.aim(target, self._options.recycle_after)
            found = cohort.position
            if not is_timeout(error):
                found = self._position_after(session, target, cohort)
            if self._moved_by_others(target, progress, cohort, found.heads, error):
                return
        failed = error is not None and found.heads != cohort.span.after
        self._tally.end(
            Outcome(
                target,
                OutcomeKind.FAILED if failed else OutcomeKind.MIGRATED,
                cohort.position.heads,
                found.heads,
                "+".join(sorted(progress.roads)),
                with_half_done(self._told(session, target, cohort, progress, error), found)
                if failed and error
                else None,
                (time.perf_counter() - started) * 1000,
                traceback=traced(error) if failed and error else None,
            )
        )

    def _moved_by_others(
        self,
        target: Target,
        progress: Progress,
        cohort: Cohort,
        heads: tuple[str, ...],
        error: BaseException,
    ) -> bool:
        """True when the guard stopped us: the position is no longer the one planned for."""
        stage = progress.stage
        if stage is None or progress.move is not None or heads == stage.before:
            return False
        if heads != cohort.span.after:
            self._tally.moved_away(target, heads)
        elif is_lost(error):
            return False
        else:
            self._brief.settle_brought(target, heads)
        return True

    def _position_after(self, session: Session, target: Target, cohort: Cohort) -> Position:
        try:
            return next(read_positions(session.raw, [target.schema], self.version_table))
        except (psycopg.Error, TenancyError):
            return cohort.position

    def _told(
        self,
        session: Session,
        target: Target,
        cohort: Cohort,
        progress: Progress,
        error: BaseException,
    ) -> str:
        def locate(stage: Stage, at: Position) -> Place | None:
            return self._applier.locate(session, target, stage, at)

        place = place_of(error, progress, cohort, locate)
        return told(error, progress, place, aborted=self._stop.aborted.is_set())
