"""The plan of a run, as values: moves, spans, cohorts, steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fastapi_tenancy.model.target import Position, Target


class Command(StrEnum):
    """What a run does to version rows and structure."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    STAMP = "stamp"


class Road(StrEnum):
    """How a revision reaches a target; ordered from cheapest to most faithful."""

    REPLAY = "replay"
    PER_TENANT = "per-tenant"
    LIVE = "live"
    ENV = "env"


class Engine(StrEnum):
    """Which roads a run may take: ``auto`` proves replay on a pair of targets first.

    ``env`` leaves connecting and migrating to the project's own env.py, run for each target.
    """

    AUTO = "auto"
    REPLAY = "replay"
    LIVE = "live"
    ENV = "env"


class ProofLevel(StrEnum):
    """What is read back beside the version row: structure fingerprints of none, some or all."""

    REVISION = "revision"
    SAMPLE = "sample"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One row of a version table that a move deletes, inserts or updates.

    ``old`` is None for an insert, ``new`` is None for a delete.
    """

    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One revision of a span in one direction, with its version rows and the heads after it."""

    revision: str
    upgrade: bool
    changes: tuple[VersionChange, ...]
    heads: tuple[str, ...]
    """All heads of the target once this move is done, sorted."""
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The ordered moves between a position and the revision asked for."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A move and the road it takes, with the reason in words."""

    move: Move
    road: Road
    reason: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Targets with the same span and the same state, planned once and rendered once."""

    span: Span
    position: Position
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A target that cannot take part, with the cause in words.

    ``no_road`` where nothing is wrong with the target: the request leads nowhere from there.
    ``server`` names the one that could not be worked on, where that is the cause. ``skipped``
    where that is as it should be for now, and no failure.
    """

    target: Target
    position: Position
    error: str
    no_road: bool = False
    server: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do: cohorts to move, targets already there, targets refused."""

    command: Command
    revision: str
    cohorts: tuple[Cohort, ...]
    there: tuple[Cohort, ...]
    refusals: tuple[Refusal, ...]
