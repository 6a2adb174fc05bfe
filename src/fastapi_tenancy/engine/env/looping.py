"""An env.py that goes to all schemas or databases by itself: run once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.job import Answer, Job, shipped
from fastapi_tenancy.engine.env.work import Work
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.target import Target, TargetKey

UNMET = (
    "env.py goes to the schemas or databases by itself, and did not come to this one; have it find"
    " this tenant, or take its place from context.get_x_argument() where one is named"
)


class Looping:
    """Has env.py run until every target has moved or failed.

    env.py ends at the first error, as under plain Alembic; it is run again for those behind.
    """

    def __init__(self, work: Work, crew: Crew, reader: Site, stop: Stop) -> None:
        self._work = work
        self._crew = crew
        self._reader = reader
        self._stop = stop

    def run(self) -> None:
        """Move everybody."""
        targets = [t for t in self._work.left() if self._work.ready(t.key)]
        for purge in (False, True):
            share = [t for t in targets if self._work.purges(t.key) is purge]
            while share and not self._stop.requested.is_set():
                self._once(share, purge=purge)
                left = {t.key for t in self._work.left()}
                share = [t for t in share if t.key in left]

    def _once(self, targets: list[Target], *, purge: bool) -> None:
        job = Job(tuple(shipped(t) for t in targets), loops=True, purge=purge)
        self._crew.each([job], lambda _, answer: self._take(targets, answer))

    def _take(self, targets: list[Target], answer: Answer) -> None:
        met = [key for key in answer.met if key != answer.failed]
        if answer.error is None:
            for key in met:
                self._work.end(key, Answer(duration_ms=answer.duration_ms / len(met)))
            self._end_unmet(targets, met)
            return
        # What was committed before the error stays; the rest was rolled back with it.
        moved = list(self._moved(met))
        for key in moved:
            self._work.end(key, Answer())
        if answer.failed is not None:
            self._work.end(answer.failed, answer)
        if answer.failed is None or self._stop.aborted.is_set():
            for target in targets:
                if target.key not in moved and target.key != answer.failed:
                    self._work.end(target.key, answer)

    def _moved(self, met: list[TargetKey]) -> Iterator[TargetKey]:
        places = [self._work.target(key) for key in met]
        for key, position in zip(met, self._reader.look(places) if met else (), strict=True):
            if position.heads == self._work.after(key):
                yield key

    def _end_unmet(self, targets: list[Target], met: list[TargetKey]) -> None:
        if self._stop.requested.is_set():
            return  # left out by the worker; they have not been started
        for target in targets:
            if target.key not in met:
                self._work.end(target.key, Answer(UNMET))
