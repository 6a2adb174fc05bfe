"""A track: one Alembic history, and where it applies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fastapi_tenancy.model.url import DatabaseUrl


class Scope(StrEnum):
    """Where a track applies: at every tenant, or at places that belong to none."""

    TENANT = "tenant"
    SHARED = "shared"
    SHARD = "shard"
    DATABASE = "database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One Alembic script directory, the places it applies to, and when its turn comes.

    ``revision`` is where it is brought unless another one is asked for; None means its head.
    ``after`` names the tracks that have to stand before this one begins. ``schema_name`` is
    that of shared tables, ``url`` the database of a track that has one of its own. A project
    without tracks is a single one that has no name.
    """

    name: str = ""
    scope: Scope = Scope.TENANT
    ini: Path
    section: str
    revision: str | None = None
    after: tuple[str, ...] = ()
    schema_name: str | None = None
    url: DatabaseUrl | None = None

    def asked(self, revision: str) -> str:
        """The revision that a request for every track means for this one."""
        if self.revision is not None and revision in ("head", "heads"):
            return self.revision
        return revision
