"""What env.py still has to do in a run, and how each target ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.contested import contested
from fastapi_tenancy.engine.env.job import Answer
from fastapi_tenancy.engine.env.making import make
from fastapi_tenancy.engine.verify import verified
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.plan import Cohort, Command, Road
from fastapi_tenancy.model.target import Position, PositionState, Target, TargetKey
from fastapi_tenancy.model.url import masked

UNREAD = (
    "it was migrated without an error, but could not be read back afterwards; run again to be sure"
)


class Work:
    """The targets of a plan that have to move; safe to use from every thread."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._lock = threading.Lock()
        self._cohorts: dict[TargetKey, Cohort] = {}
        self._targets: dict[TargetKey, Target] = {}
        self._ended: dict[TargetKey, Outcome] = {}
        self._contested: dict[int, bool] = {}

    def add(self, cohort: Cohort) -> None:
        """Take the targets of a cohort on."""
        for target in cohort.targets:
            self._targets[target.key] = target
            self._cohorts[target.key] = cohort

    def left(self) -> list[Target]:
        """Those that have not ended yet."""
        return [t for key, t in self._targets.items() if key not in self._ended]

    def target(self, key: TargetKey) -> Target:
        """A target by its key."""
        return self._targets[key]

    def after(self, key: TargetKey) -> tuple[str, ...]:
        """The heads of a target once it has moved."""
        return self._cohorts[key].span.after

    def purges(self, key: TargetKey) -> bool:
        """True where a stamp replaces rows that lead nowhere, as ``alembic stamp --purge`` does."""
        if self._brief.options.command is not Command.STAMP:
            return False
        heads, history = self._cohorts[key].position.heads, self._brief.history
        request = self._brief.request(self._targets[key])
        return bool(set(heads) - history.known or request.passed(heads))

    def waits(self, key: TargetKey) -> bool:
        """True where its revisions make what tenants share, one after the other."""
        cohort, brief = self._cohorts[key], self._brief
        if id(cohort) not in self._contested:
            self._contested[id(cohort)] = contested(
                cohort.span.moves, brief.history, brief.isolation.shared_schemas()
            )
        return self._contested[id(cohort)]

    def ready(self, key: TargetKey) -> bool:
        """Make the place of a target if it is missing; False if that failed, which ends it."""
        if self._cohorts[key].position.state is not PositionState.MISSING:
            return True
        try:
            brief = self._brief
            make(self._targets[key], brief.isolation, brief.options.connect_timeout_s)
        except TenancyError as error:
            self.end(key, Answer(masked(str(error))))
            return False
        return True

    def end(self, key: TargetKey, answer: Answer) -> None:
        """Take what a worker says of a target, and tell it."""
        before, after = self._cohorts[key].span.before, self._cohorts[key].span.after
        outcome = Outcome(
            self._targets[key],
            OutcomeKind.FAILED if answer.error else OutcomeKind.MIGRATED,
            before,
            before if answer.error else after,
            Road.ENV.value,
            answer.error,
            answer.duration_ms,
            traceback=answer.traceback,
        )
        with self._lock:
            self._ended[key] = outcome
        self._brief.tally.end(outcome)

    def ended(self) -> list[Target]:
        """Those that have ended, to be read back."""
        return [o.target for o in self._ended.values()]

    def proven(self, positions: list[Position]) -> Iterable[Outcome]:
        """The outcomes as the targets themselves tell them.

        Args:
            positions: of the targets of ``ended()``, read now.
        """
        claimed, found = [], []
        for outcome, position in zip(self._ended.values(), positions, strict=True):
            after = self.after(outcome.target.key)
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
            found.append(position)
        yield from verified(claimed, found)

    def unproven(self) -> Iterator[Outcome]:
        """The outcomes of those that nobody could read back."""
        for outcome in self._ended.values():
            if outcome.success:
                yield replace(outcome, kind=OutcomeKind.FAILED, error=UNREAD)
