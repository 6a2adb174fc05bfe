"""Targets that are a database each: opened one after another, read, moved and proven at once."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Generic, TypeVar

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.book import Book, Page
from fastapi_tenancy.engine.brief import Brief, Prepared, failed
from fastapi_tenancy.engine.desk import Desk
from fastapi_tenancy.engine.failure import is_lost, place_of, told, traced, with_half_done
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.sampling import Sampling
from fastapi_tenancy.engine.verify import verified
from fastapi_tenancy.engine.work_off import from_front, work_off
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.event import Counted, Stopping
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, PositionState, Target
from fastapi_tenancy.model.url import masked

DeskT = TypeVar("DeskT", bound=Desk)
"""What an opened target is here."""
ROUNDS = 5
"""How often a target that another runner moved meanwhile is looked at again."""


class SingleSite(ABC, Generic[DeskT]):
    """What databases and files have in common; ``_opened`` says how one is opened."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._project: Project | None = None
        self._sampling = Sampling(brief.options.proof, brief.tally)
        self._open_desks: set[DeskT] = set()
        self._queue: deque[Target] = deque()
        brief.stop.on_abort(self._cancel)

    @abstractmethod
    def _opened(self, project: Project, target: Target) -> DeskT:
        """Open a target; one that is missing is opened too, and says so as its position."""

    def _stages(self, page: Page, desk: DeskT, target: Target) -> tuple[Stage, ...] | None:  # noqa: ARG002
        """What to run at a target; None where it waits in somebody else's hands, or is done."""
        return page.stages

    def _warm(self, targets: list[Target]) -> None:
        """Begin to open the first targets while the project is loaded."""

    def _at_once(self, desk: DeskT, target: Target) -> bool:  # noqa: ARG002
        """Bring a target where it should be without looking first; False where that fails."""
        return False

    def _ran_out(self, pages: list[Page]) -> None:
        """Called when nobody is left in the queue; may put some there."""

    @abstractmethod
    def _check(self, targets: list[Target]) -> None:
        """Refuse the run before anything is changed, where it cannot go well."""

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        self._check(targets)
        project = self._made(targets)
        return self._brief.prepared(
            project, self._brief.plan(targets, self._positions(project, targets))
        )

    def look(self, targets: list[Target]) -> Iterator[Position]:
        """Yield where each target stands, in order; what cannot be opened is one position too."""
        yield from self._positions(self._made(targets), targets)

    def run(self, targets: list[Target]) -> None:
        """Move the targets and prove it.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        brief = self._brief
        self._check(targets)
        self._warm(targets[1 : brief.options.concurrency])
        book = Book(brief, self._made(targets), len(targets))
        brief.listener(Counted(brief.options.command, len(targets)))
        self._queue.extend(targets)
        take = from_front(self._queue)
        while self._queue and not brief.stop.requested.is_set():
            work_off(
                min(brief.options.concurrency, len(self._queue)),
                take,
                lambda _, target: self._one(book, target),
                brief.stop.requested,
            )
            if not self._queue:
                self._ran_out(book.pages())
        self._queue.clear()
        if brief.stop.requested.is_set():
            brief.listener(Stopping())
        self._sampling.compare(book.pages())

    def close(self) -> None:
        """Leave no connection behind."""
        self._brief.stop.forget(self._cancel)

    def _made(self, targets: list[Target]) -> Project:
        if self._project is None:
            self._project = self._brief.project(targets)
        return self._project

    def _positions(self, project: Project, targets: list[Target]) -> Iterator[Position]:
        def look(target: Target) -> Position:
            try:
                with closing(self._opened(project, target)) as desk:
                    return desk.position()
            except TenancyError as error:
                return Position((), PositionState.UNREADABLE, problem=masked(str(error)))

        with ThreadPoolExecutor(max(1, min(self._brief.options.concurrency, len(targets)))) as pool:
            yield from pool.map(look, targets)

    def _one(self, book: Book, target: Target) -> None:
        pulse = self._brief.pulse
        try:
            pulse.require()
            with self._held(target) as desk:
                self._move(book, desk, target)
            pulse.heard()
        except TenancyError as error:
            pulse.note(error)
            self._brief.tally.end(failed(target, Position(), masked(str(error))))

    @contextmanager
    def _held(self, target: Target) -> Iterator[DeskT]:
        desk = self._opened(self._made([target]), target)
        self._open_desks.add(desk)
        try:
            yield desk
        finally:
            self._open_desks.discard(desk)
            desk.close()

    def _move(self, book: Book, desk: DeskT, target: Target) -> None:
        """Bring a target where it should be.

        Raises:
            TenancyError: it cannot be opened, read or made.
        """
        if self._at_once(desk, target):
            return
        for _ in range(ROUNDS):
            started = time.perf_counter()
            position = desk.position()
            page = book.page(target, position)
            if page.cohort is None:
                self._brief.settle(page.plan_of(target))
                return
            if position.state is PositionState.MISSING:
                desk.create()
                continue
            self._sampling.before(page, desk, target)
            stages = self._stages(page, desk, target)
            if stages is None or self._carried(page, stages, desk, target, started):
                return
        self._brief.tally.end(failed(target, Position(), "other runners keep moving it; run again"))

    def _carried(
        self, page: Page, stages: tuple[Stage, ...], desk: DeskT, target: Target, started: float
    ) -> bool:
        """Run the stages and take the outcome; False when another runner moved it meanwhile."""
        progress = Progress()
        error: BaseException | None = None
        assert page.cohort is not None  # noqa: S101 - only targets with a way come here
        at = page.cohort.position
        try:
            for number, stage in enumerate(stages):
                at = at if number == 0 else Position(stage.before)
                desk.run(stage, at, progress)
        except Exception as caught:  # one failing tenant is one failing tenant
            error = caught
        return self.end(page, desk, target, progress, error, started)

    def end(
        self,
        page: Page,
        desk: DeskT,
        target: Target,
        progress: Progress,
        error: BaseException | None,
        started: float,
    ) -> bool:
        """Read back what became of a target; False when another runner moved it meanwhile."""
        assert page.cohort is not None  # noqa: S101
        span = page.cohort.span
        try:
            found = desk.position()
        except TenancyError as lost:
            found, error = page.cohort.position, error or lost
        stage = progress.stage
        if error is not None and stage is not None and progress.move is None:  # the guard, perhaps
            if found.heads not in (stage.before, span.after):
                return False
            if found.heads == span.after and not is_lost(error):
                self._brief.settle_brought(target, found.heads)
                return True
        self.take(page, desk, target, progress, error, found, started)
        return True

    def take(
        self,
        page: Page,
        desk: DeskT,
        target: Target,
        progress: Progress,
        error: BaseException | None,
        found: Position,
        started: float,
    ) -> None:
        """Enter the outcome of a target that was found at a position afterwards."""
        assert page.cohort is not None  # noqa: S101
        span = page.cohort.span
        broken = error is not None and found.heads != span.after
        outcome = Outcome(
            target,
            OutcomeKind.FAILED if broken else OutcomeKind.MIGRATED,
            span.before,
            found.heads if broken else span.after,
            "+".join(sorted(progress.roads)),
            with_half_done(self._told(desk, progress, error, page), found)
            if broken and error
            else None,
            (time.perf_counter() - started) * 1000,
            traceback=traced(error) if broken and error else None,
        )
        if not broken:
            (outcome,) = verified([outcome], [found])
            if outcome.success:
                self._sampling.after(page, desk, target)
        self._brief.tally.end(outcome)

    def _told(self, desk: DeskT, progress: Progress, error: BaseException, page: Page) -> str:
        assert page.cohort is not None  # noqa: S101
        place = place_of(error, progress, page.cohort, desk.locate)
        return told(error, progress, place, aborted=self._brief.stop.aborted.is_set())

    def _cancel(self) -> None:
        for desk in tuple(self._open_desks):
            desk.cancel()
