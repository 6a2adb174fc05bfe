"""The typed events an engine tells its one listener; the engine itself never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi_tenancy.model.outcome import Difference, Outcome, Report
from fastapi_tenancy.model.plan import Cohort, Command, Plan, Step
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Track


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """A track is about to be gone through, of a project that has several."""

    track: Track


@dataclass(frozen=True, slots=True)
class Reading:
    """Positions or structures are being read: ``done`` of ``total`` targets so far."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of a server's targets stands; ``again`` where others moved them meanwhile."""

    plan: Plan
    again: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """So many targets will be looked at and moved one by one; some may be there already."""

    command: Command
    total: int


@dataclass(frozen=True, slots=True)
class CohortStarted:
    """A cohort is about to run along these steps."""

    cohort: Cohort
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class TargetFinished:
    """A target came to its end (before the read-back that makes it a success)."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Differed:
    """A proof did not hold."""

    difference: Difference


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that stops nothing."""

    message: str


@dataclass(frozen=True, slots=True)
class RoadChosen:
    """How a new tenant is made, and why: of a ``baseline``, or by its whole ``history``."""

    target: Target
    road: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """An interrupt was seen: targets in flight finish, no new one starts."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over and everything was read back."""

    report: Report


Event = (
    TrackStarted
    | Reading
    | Planned
    | Counted
    | CohortStarted
    | TargetFinished
    | Differed
    | Warned
    | RoadChosen
    | Stopping
    | Finished
)
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of nobody."""
