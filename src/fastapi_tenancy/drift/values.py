"""What drift is told in: variants at a position, places that could not be read, things astray."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Track


class Kind(StrEnum):
    """What a target is; targets of different kinds are not compared with each other."""

    SCHEMA = "schema"
    DATABASE = "database"
    SHARED = "shared database"
    FILE = "file"


class Baseline(StrEnum):
    """What the targets at a position were compared with."""

    MIGRATIONS = "migrations"
    """What the migrations make of an empty place."""
    EACH_OTHER = "each other"
    """More positions than are built: the largest variant stands for what is right."""
    UNKNOWN = "unknown"
    """What the migrations make is not known, so that nobody can be called clean."""


class How(StrEnum):
    """How an object differs from what was expected."""

    ADDED = "added"
    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that differs; ``note`` says what it is where that is known.

    ``expected`` is its definition in what the migrations make, ``found`` that in the variant.
    """

    how: How
    kind: str
    name: str
    expected: str | None = None
    found: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Tenants at one position with one structure that is not the expected one.

    ``changes`` are those of ``example``, whose structure stands for all of them; where two
    variants differ, so do their fingerprints.
    """

    fingerprint: str
    tenants: tuple[str, ...]
    example: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All tenants at one position that live in places of one kind.

    ``reason`` says why they were not compared with what the migrations make.
    """

    heads: tuple[str, ...]
    kind: Kind
    baseline: Baseline
    identical: int
    variants: tuple[Variant, ...] = ()
    reason: str = ""

    @property
    def drifted(self) -> int:
        """Tenants that differ."""
        return sum(len(variant.tenants) for variant in self.variants)

    @property
    def clean(self) -> bool:
        """True where everybody is known to be as expected."""
        return not self.variants and self.baseline is not Baseline.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Tenants whose structure says nothing, with the reason; ``note`` where nothing is wrong."""

    target: Target
    reason: str
    note: bool = False

    @property
    def tenants(self) -> tuple[str, ...]:
        """Their identifiers."""
        return tuple(tenant.identifier for tenant in self.target.tenants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Astray:
    """Something outside of the tenants' places that belongs into one; a ``note`` may be meant."""

    where: str
    found: str
    do: str
    note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found on one track."""

    track: Track
    groups: tuple[Group, ...]
    unread: tuple[Unread, ...] = ()
    astray: tuple[Astray, ...] = ()

    @property
    def clean(self) -> bool:
        """True where every target was read, and is as the migrations make it."""
        groups = all(group.clean for group in self.groups)
        return groups and all(u.note for u in self.unread) and all(a.note for a in self.astray)
