"""Finds the few tenants that may stand in the way of a new one, without reading all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import sqlalchemy as sa

from fastapi_tenancy.isolation.derived import MARKS
from fastapi_tenancy.storage.protocol import Tenants
from fastapi_tenancy.storage.table import TENANTS


@dataclass(frozen=True, slots=True)
class Claim:
    """What a new tenant claims: its names, and that of its schema or database.

    ``bare`` is the part of that name which an identifier would give, or None where none could.
    """

    id: str
    identifier: str
    name: str
    bare: str | None


@runtime_checkable
class FindsClaimants(Protocol):
    """A catalogue that can be asked for them."""

    async def claimants(self, claim: Claim) -> Tenants:
        """Every tenant that claims any of it, and maybe a few others; in no order."""
        ...


def chosen(claim: Claim, dialect: str) -> sa.ColumnElement[bool]:
    """What may claim any of it. A database of one's own may be encrypted: each has to be read."""
    wanted = [
        TENANTS.c.id == claim.identifier,
        TENANTS.c.identifier == claim.id,
        TENANTS.c.schema_name == claim.name,
        TENANTS.c.database_url.is_not(None),
    ]
    if claim.bare is not None:
        wanted += [TENANTS.c.common_name == claim.bare, _hashed(dialect)]
    return sa.or_(*wanted)


def _hashed(dialect: str) -> sa.ColumnElement[bool]:
    """Identifiers with letters whose names end with part of a hash."""
    plain = "A-Za-z0-9_" + MARKS.replace("-", "")
    if dialect == "postgresql":
        return TENANTS.c.identifier.op("~")(f"[^{plain}-]")
    return TENANTS.c.identifier.op("GLOB")(f"*[^{plain}-]*")
