"""Tables shared by tenants, kept apart by row-level security: one target for each server."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant


class RLSIsolationProvider:
    """Tenants in the tables of the database at ``config.database_url``, or of their shard's."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        self._homes = Homes(config)

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def target(self, tenant: Tenant) -> Target:
        """The shared database; it is migrated once, for all of its tenants.

        Raises:
            PlacementError: the tenant's shard is none.
        """
        home = self._homes.of(tenant)
        return Target("", (tenant,), home.place, home.address, IsolationStrategy.RLS)

    def search_path(self, target: Target) -> str:  # noqa: ARG002 - as in every strategy
        """Empty: the database and the role say where the tables are."""
        return ""

    def create_sql(self, target: Target) -> str:
        """Nothing makes it: the shared database is there, or nobody can work."""
        raise NotImplementedError(f"{target.name} is shared and never created")

    def shared_schemas(self) -> tuple[str, ...]:
        """None: what everybody sees is what is migrated."""
        return ()
