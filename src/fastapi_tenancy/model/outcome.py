"""What happened: the outcome of one target, a difference that was found, the report of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.target import Target


class OutcomeKind(StrEnum):
    """The four ends of a target in a run."""

    MIGRATED = "migrated"
    THERE = "already there"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was read back from a target after the commit."""

    heads: tuple[str, ...]
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one target. ``road`` joins the roads taken, e.g. ``replay+live``."""

    target: Target
    kind: OutcomeKind
    from_heads: tuple[str, ...] = ()
    to_heads: tuple[str, ...] = ()
    road: str = ""
    error: str | None = None
    duration_ms: float = 0.0
    proof: Proof | None = None
    traceback: str | None = None

    @property
    def success(self) -> bool:
        """True when the target was read back at the revision asked for."""
        return self.kind in (OutcomeKind.MIGRATED, OutcomeKind.THERE)


@dataclass(frozen=True, slots=True)
class Difference:
    """A proof that did not hold: what differed, where, and what was done about it.

    ``settled`` is True when the run itself put it right (by taking the live road).
    """

    subject: str
    message: str
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a run."""

    run_id: str
    command: Command
    revision: str
    outcomes: tuple[Outcome, ...]
    differences: tuple[Difference, ...]
    duration_s: float
    interrupted: bool = False

    def counts(self) -> Counter[OutcomeKind]:
        """How many tenants (not targets) came to each end."""
        counted: Counter[OutcomeKind] = Counter()
        for outcome in self.outcomes:
            counted[outcome.kind] += len(outcome.target.tenants)
        return counted

    def failures(self) -> Iterator[Outcome]:
        """The outcomes that failed, in catalogue order."""
        return (o for o in self.outcomes if o.kind is OutcomeKind.FAILED)
