"""A tenant: a customer in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from fastapi_tenancy.model.url import DatabaseUrl

NO_TAGS: Mapping[str, str] = MappingProxyType({})


class TenantStatus(StrEnum):
    """Where a tenant stands in its life. Everything but ``deleted`` is migrated by default."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class IsolationStrategy(StrEnum):
    """How tenants are kept apart."""

    SCHEMA = "schema"
    DATABASE = "database"
    RLS = "rls"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer in the catalogue.

    ``identifier`` is the slug people use (``acme-corp``), ``id`` the key of the row.
    ``schema_name`` and ``database_url`` say where the tenant lives when that does not
    follow from its identifier. ``host`` is the name its requests come in by, lower case and
    without a port; ``shard`` the server it lives on, where the configuration names several.
    """

    id: str
    identifier: str
    name: str = ""
    status: TenantStatus = TenantStatus.ACTIVE
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    schema_name: str | None = None
    database_url: DatabaseUrl | None = None
    isolation_strategy: IsolationStrategy | None = None
    host: str | None = None
    shard: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
