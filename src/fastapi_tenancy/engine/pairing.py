"""Finds a pair of equals among databases that are opened one after another.

A target that comes first waits, closed, until one of equal structure comes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.book import Page
from fastapi_tenancy.engine.brief import Brief, failed
from fastapi_tenancy.engine.database_desk import DatabaseDesk
from fastapi_tenancy.engine.prove import CANDIDATES, SMALLEST, Pair, Prover, no_pair, not_proven
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.url import masked


class Ending(Protocol):
    """Takes the outcome of a target; False when another runner moved it meanwhile."""

    def __call__(
        self,
        page: Page,
        desk: DatabaseDesk,
        target: Target,
        progress: Progress,
        error: BaseException | None,
        started: float,
    ) -> bool: ...


class Pairing:
    """Decides, for each position of a run, whether its targets are replayed."""

    def __init__(
        self,
        brief: Brief,
        prover: Callable[[Callable[[Target], DatabaseDesk]], Prover],
        held: Callable[[Target], AbstractContextManager[DatabaseDesk]],
        queue: deque[Target],
        end: Ending,
    ) -> None:
        """Args:
        held: opens a target for as long as the block lasts.
        queue: takes targets that are to be looked at again.
        """
        self._brief = brief
        self._prover = prover
        self._held = held
        self._queue = queue
        self._end = end
        self._parked: dict[TargetKey, tuple[Page, DatabaseDesk, Target]] = {}

    def stages(self, page: Page, desk: DatabaseDesk, target: Target) -> tuple[Stage, ...] | None:
        """What to run at a target; None where it has to wait, or was one of the pair."""
        self._parked[target.key] = (page, desk, target)
        if page.undecided:
            # Those that are being read anyhow make the pair.
            with page.looking:
                page.looking.wait_for(lambda: not page.reading)
        with page.deciding:
            if self._parked.pop(target.key, None) is None:
                return None  # whoever came first has taken it for the pair
            if not page.undecided:
                return page.stages
            # What the sample has read while somebody else was deciding is not read again.
            mark = self._mark(page, desk, page.before.get(target.key))
            if mark is None:  # somebody keeps a part of it locked
                return page.live
            there = self._parked_equal(page, mark)
            if there is not None:
                self._run(page, there, (desk, target))
                return None
            partner = page.waiting.pop(mark, None)
            if partner is not None:
                self._try(page, partner, mark, desk, target)
                return None
            page.waiting[mark] = target
            page.looked += 1
            if page.looked < CANDIDATES:
                return None
            del page.waiting[mark]
            self._give_up(page)
            return page.live

    def _parked_equal(self, page: Page, mark: object) -> tuple[DatabaseDesk, Target] | None:
        """An equal that stands open: its thread waits until this one has decided."""
        for key, (other, desk, target) in tuple(self._parked.items()):
            known = page.before.get(key)
            if other is page and known and self._mark(page, desk, known) == mark:
                del self._parked[key]
                return desk, target
        return None

    def give_up(self, pages: list[Page]) -> None:
        """Nobody else comes: those who wait take the live road."""
        for page in pages:
            if page.undecided and page.waiting:
                self._give_up(page)

    def _give_up(self, page: Page) -> None:
        if page.looked >= SMALLEST and not self._brief.stop.requested.is_set():
            self._brief.warn(no_pair(page.those, page.looked, tried=page.tried))
        self._decide(page, page.live)

    def _decide(self, page: Page, stages: tuple[Stage, ...]) -> None:
        page.stages, page.undecided = stages, False
        self._queue.extendleft(page.waiting.values())
        page.waiting.clear()

    def _mark(self, page: Page, desk: DatabaseDesk, known: str | None = None) -> object | None:
        found = known or desk.fingerprint()
        if found is None:
            return None
        return found, self._prover(lambda _: desk).shape(page.stages, desk.target)

    def _try(
        self, page: Page, partner: Target, mark: object, desk: DatabaseDesk, target: Target
    ) -> None:
        try:
            with self._held(partner) as other:
                if not self._changed(page, other, mark):
                    self._run(page, (other, partner), (desk, target))
                    return
        except TenancyError as error:
            assert page.cohort is not None  # noqa: S101 - only targets with a way come here
            self._brief.tally.end(failed(partner, page.cohort.position, masked(str(error))))
        else:
            self._queue.append(partner)
        page.waiting[mark] = target

    def _changed(self, page: Page, desk: DatabaseDesk, mark: object) -> bool:
        assert page.cohort is not None  # noqa: S101
        try:
            return desk.position() != page.cohort.position or self._mark(page, desk) != mark
        except TenancyError:
            return True

    def _run(
        self, page: Page, first: tuple[DatabaseDesk, Target], second: tuple[DatabaseDesk, Target]
    ) -> None:
        page.tried, started = True, time.perf_counter()
        sides = {desk.target.key: (desk, target) for desk, target in (first, second)}

        again = {key: target for key, (_, target) in sides.items()}

        def finish(at: Target, progress: Progress, error: BaseException | None) -> None:
            desk, target = sides[at.key]
            if self._end(page, desk, target, progress, error, started):
                del again[at.key]

        assert page.cohort is not None  # noqa: S101
        pair = Pair(first[0].target, second[0].target)
        prover = self._prover(lambda at: sides[at.key][0])
        decided, difference = prover.run(pair, page.stages, page.cohort.position, finish)
        self._queue.extend(again.values())
        page.looked += 1
        if difference is not None:
            self._brief.tally.differ(not_proven(page.those, difference))
            self._decide(page, page.live)
        elif decided:
            self._decide(page, page.stages)
        elif page.looked >= CANDIDATES:
            self._give_up(page)
