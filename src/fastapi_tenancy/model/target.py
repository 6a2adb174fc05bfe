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
    """What stands at a target: a version table, none yet, or no schema at all."""

    VERSIONED = "versioned"
    UNVERSIONED = "unversioned"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Position:
    """The current heads in a target's version table, sorted; may be empty, may be several."""

    heads: tuple[str, ...] = ()
    state: PositionState = PositionState.VERSIONED


MISSING = Position((), PositionState.MISSING)
UNVERSIONED = Position((), PositionState.UNVERSIONED)
