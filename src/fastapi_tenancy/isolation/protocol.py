"""The seam between the engine and where tenants live."""

from __future__ import annotations

from typing import Protocol

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant


class IsolationProvider(Protocol):
    """Says where a tenant lives and how to work there."""

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        ...

    def target(self, tenant: Tenant) -> Target:
        """The target of a tenant.

        Raises:
            InvalidNameError: the tenant's place has a name that cannot be used.
        """
        ...

    def address(self) -> str:
        """The libpq URL of the server and database the targets are in."""
        ...

    def search_path(self, target: Target) -> str:
        """The quoted search path of a target, its own schema first."""
        ...

    def create_sql(self, target: Target) -> str:
        """The statement that makes a missing target."""
        ...

    def shared_schemas(self) -> tuple[str, ...]:
        """Schemas every target sees and no migration of a tenant may change."""
        ...
