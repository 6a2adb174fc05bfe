"""A target: a place with a version table of its own, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fastapi_tenancy.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Target:
    """A schema of a database, with the tenants that live in it (one, for schema-per-tenant).

    ``database`` names the server and database without credentials, for people.
    """

    schema: str
    tenants: tuple[Tenant, ...]
    database: str = ""

    @property
    def tenant(self) -> Tenant:
        """The tenant whose identity a revision sees while it runs here."""
        return self.tenants[0]


class PositionState(StrEnum):
    """What stands at a target: a version table (one can read it or not), none yet, no schema."""

    VERSIONED = "versioned"
    UNVERSIONED = "unversioned"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Position:
    """The current heads in a target's version table, sorted; may be empty, may be several.

    ``half_done`` names a revision of which an interrupted run has committed a part, and whether
    it went up; ``problem`` says why the version table cannot be read.
    """

    heads: tuple[str, ...] = ()
    state: PositionState = PositionState.VERSIONED
    half_done: tuple[str, bool] | None = None
    problem: str = ""


MISSING = Position((), PositionState.MISSING)
UNVERSIONED = Position((), PositionState.UNVERSIONED)
