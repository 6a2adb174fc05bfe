"""Places that belong to no tenant: shared tables, a server's own database, a database by itself."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import database_of


class FixedIsolationProvider:
    """Targets that are known beforehand, each with a stand-in for a tenant, or with several."""

    def __init__(self, config: TenancyConfig, targets: Iterable[Target]) -> None:
        self._config = config
        self._targets = {target.tenant.id: target for target in targets}

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def tenants(self) -> list[Tenant]:
        """The stand-ins, one for each target."""
        return [target.tenant for target in self._targets.values()]

    def target(self, tenant: Tenant) -> Target:
        """The target that this is the stand-in of."""
        return self._targets[tenant.id]

    def search_path(self, target: Target) -> str:
        """The target's schema, then ``search_path_extra``; empty where it has none."""
        if not target.schema:
            return ""
        extra = (s for s in self._config.search_path_extra if s != target.schema)
        return ", ".join(quote(schema) for schema in (target.schema, *extra))

    def create_sql(self, target: Target) -> str:
        """``CREATE SCHEMA``, or ``CREATE DATABASE`` where the target is a whole one."""
        if target.schema:
            return f"CREATE SCHEMA {quote(target.schema)}"
        return f"CREATE DATABASE {quote(database_of(target.address))}"

    def shared_schemas(self) -> tuple[str, ...]:
        """None: what everybody sees is what such a track is for."""
        return ()
