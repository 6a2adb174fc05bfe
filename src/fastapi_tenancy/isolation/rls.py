"""Tables shared by all tenants, kept apart by row-level security: one target for everybody."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import address_of


class RLSIsolationProvider:
    """Tenants in the tables of the database at ``config.database_url``."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        url = config.database_url
        self._place, self._address = (place(url), address_of(url)) if url else ("", "")

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def target(self, tenant: Tenant) -> Target:
        """The shared database; it is migrated once, for all of its tenants."""
        return Target("", (tenant,), self._place, self._address, IsolationStrategy.RLS)

    def search_path(self, target: Target) -> str:  # noqa: ARG002 - as in every strategy
        """Empty: the database and the role say where the tables are."""
        return ""

    def create_sql(self, target: Target) -> str:
        """Nothing makes it: the shared database is there, or nobody can work."""
        raise NotImplementedError(f"{target.name} is shared and never created")

    def shared_schemas(self) -> tuple[str, ...]:
        """None: what everybody sees is what is migrated."""
        return ()
