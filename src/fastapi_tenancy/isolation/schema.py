"""A schema per tenant in one PostgreSQL database, or in one on each shard."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import InvalidNameError
from fastapi_tenancy.isolation.derived import derived_name
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.names import quote, tenant_schema
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant


class SchemaIsolationProvider:
    """Tenants in schemas of the database at ``config.database_url``, or of their shard's."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        self._homes = Homes(config)

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def target(self, tenant: Tenant) -> Target:
        """The schema named by the tenant, or made from the prefix and its identifier.

        Raises:
            PlacementError: no such schema can be, or its shard is none.
        """
        home = self._homes.of(tenant)
        return Target(self.schema_of(tenant), (tenant,), home.place, home.address)

    def schema_of(self, tenant: Tenant) -> str:
        """The schema of a tenant, validated.

        Raises:
            InvalidNameError: PostgreSQL or everybody else owns that name, or it is too long.
        """
        named = tenant.schema_name
        if named is None:
            named = self._config.schema_prefix + derived_name(tenant.identifier)
        named = tenant_schema(named)
        if named in self._config.search_path_extra:
            raise InvalidNameError(
                f"the schema {named!r} is searched for every tenant (search_path_extra), so it"
                " cannot be one tenant's. Give the tenant another one (schema_name)"
            )
        return named

    def search_path(self, target: Target) -> str:
        """The tenant's schema, then ``search_path_extra``."""
        return ", ".join(quote(s) for s in (target.schema, *self._config.search_path_extra))

    def create_sql(self, target: Target) -> str:
        """``CREATE SCHEMA`` of the tenant's schema."""
        return f"CREATE SCHEMA {quote(target.schema)}"

    def shared_schemas(self) -> tuple[str, ...]:
        """``search_path_extra``: seen by every tenant, changed by none."""
        return self._config.search_path_extra
