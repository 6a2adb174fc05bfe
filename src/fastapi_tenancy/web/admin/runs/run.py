"""A run: what was asked, how far it is, and what became of each tenant."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.migrations.results import TenantResult
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.web.admin.runs.bell import Bell

MOST_WARNINGS = 100
"""Warnings of one run that are kept."""


class RunState(StrEnum):
    """Where a run is; ``refused`` is one that could be carried out for nobody."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"

    @property
    def over(self) -> bool:
        """Whether nothing happens any more."""
        return self in _OVER


_OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED, RunState.REFUSED})


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked; ``tenant`` is the identifier where it was asked of one only."""

    command: Command
    revision: str
    tenant: str | None = None
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one tenant in one history; ``duration_ms`` is in milliseconds."""

    track: str
    tenant_id: str
    identifier: str
    target: str
    outcome: OutcomeKind
    from_revision: str | None
    to_revision: str | None
    road: str | None
    error: str | None
    duration_ms: float

    @classmethod
    def of(cls, told: TenantResult) -> Result:
        """The result that the engine told."""
        return cls(
            track=told.get("track", ""),
            tenant_id=told["tenant_id"],
            identifier=told["identifier"],
            target=told["target"],
            outcome=OutcomeKind(told["outcome"]),
            from_revision=told["from_revision"],
            to_revision=told["to_revision"],
            road=told["road"],
            error=told["error"],
            duration_ms=told["duration_ms"],
        )

    @property
    def subject(self) -> tuple[str, str]:
        """Whose result it is, in which history."""
        return self.track, self.tenant_id


class Run:
    """One run; written by the threads that carry it out, read by anybody.

    ``log`` holds every result in the order it was told, and only grows: one that the read-back
    corrected is in it twice. ``results`` is the last word on each tenant.
    """

    def __init__(self, wish: Wish) -> None:
        self.id = uuid.uuid4().hex
        self.wish = wish
        self.stop = Stop()
        self.bell = Bell()
        self.state = RunState.WAITING
        self.error: str | None = None
        self.total: int | None = None
        self.counts = _counted(())
        self.log: list[Result] = []
        self.results: list[Result] = self.log
        self.warnings: list[str] = []
        self.created_at = datetime.now(UTC)
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Its turn has come."""
        with self._lock:
            self.started_at = datetime.now(UTC)
            if self.state is RunState.WAITING:
                self.state = RunState.RUNNING
        self.bell.ring()

    def expect(self, more: int) -> None:
        """So many results will come, beside those that came."""
        with self._lock:
            self.total = len(self.log) + more
        self.bell.ring()

    def note(self, results: Iterable[Result]) -> None:
        """Take what became of some tenants, before it is read back."""
        with self._lock:
            for result in results:
                self.log.append(result)
                self.counts[result.outcome] += 1
        self.bell.ring()

    def warn(self, message: str) -> None:
        """Take something a person should know."""
        with self._lock:
            if len(self.warnings) < MOST_WARNINGS:
                self.warnings.append(message)
        self.bell.ring()

    def ask_to_stop(self, *, abort: bool = False) -> None:
        """Start no more tenants; with ``abort``, roll back those in flight too."""
        with self._lock:
            if self.state.over:
                return
            self.state = RunState.STOPPING
        if not self.stop.requested.is_set():
            self.stop.request()
        if abort and not self.stop.aborted.is_set():
            self.stop.request()
        self.bell.ring()

    def end(self, state: RunState, error: str | None = None) -> None:
        """It is over, and nothing was read back."""
        with self._lock:
            self._end(state, error)
        self.bell.ring()

    def end_with(self, results: list[Result], state: RunState) -> None:
        """It is over, and this was read back of every tenant."""
        with self._lock:
            told = {result.subject: result for result in self.log}
            results = [_kept(told.get(result.subject), result) for result in results]
            self.log.extend(r for r in results if told.get(r.subject) is not r)
            self.results = results
            self.counts = _counted(results)
            self.total = len(results)
            self._end(state)
        self.bell.ring()

    def _end(self, state: RunState, error: str | None = None) -> None:
        self.state, self.error, self.ended_at = state, error, datetime.now(UTC)

    async def ended(self) -> None:
        """Return when it is over."""
        while not self.state.over:
            heard = self.bell.rung
            if not self.state.over:
                await self.bell.wait(heard)


def _kept(told: Result | None, found: Result) -> Result:
    """What was told, where the read-back found the same."""
    if told is not None and (told.outcome, told.to_revision, told.error) == (
        found.outcome,
        found.to_revision,
        found.error,
    ):
        return told
    return found


def _counted(results: Iterable[Result]) -> Counter[OutcomeKind]:
    """Every kind is in it, so that nobody who reads it meets one that is added."""
    counts = Counter(dict.fromkeys(OutcomeKind, 0))
    counts.update(result.outcome for result in results)
    return counts
