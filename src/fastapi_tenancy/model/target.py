"""A target: a place with a version table of its own, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus

TargetKey = tuple[str, str]
"""The database and the schema of a target."""


@dataclass(frozen=True, slots=True)
class Target:
    """A schema of a database, or a database, with the tenants that live there.

    ``database`` names the server and the database, or the file, without credentials; ``address``
    is the URL to reach it (for libpq, or SQLAlchemy's of a file). ``schema`` is empty for a target
    that is a whole database: its own search path says where its tables are.
    """

    schema: str
    tenants: tuple[Tenant, ...]
    database: str = ""
    address: str = field(default="", repr=False)
    strategy: IsolationStrategy = IsolationStrategy.SCHEMA

    @property
    def key(self) -> TargetKey:
        """What tells it from every other target."""
        return self.database, self.schema

    @property
    def name(self) -> str:
        """Its schema, or the database where it is a whole one; for people."""
        return self.schema or self.database

    @property
    def home(self) -> TargetKey:
        """Where it makes its tables; a whole database does so in public, or as its role says."""
        return self.database, self.schema or ("" if self.is_file else "public")

    @property
    def server(self) -> str:
        """The server it is on; empty for a file."""
        return "" if self.is_file else self.database.rpartition("/")[0]

    @property
    def what(self) -> str:
        """What it is, in a word for people."""
        return "schema" if self.schema else "file" if self.is_file else "database"

    @property
    def is_being_created(self) -> bool:
        """True where nobody but whoever creates its tenants works there yet."""
        return all(tenant.status is TenantStatus.PROVISIONING for tenant in self.tenants)

    @property
    def place(self) -> str:
        """Its name, and what it is a name of; for people."""
        return f"{'schema' if self.schema else 'database'} {self.name}"

    @property
    def is_file(self) -> bool:
        """True for an SQLite file."""
        return self.address.startswith("sqlite:")

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
