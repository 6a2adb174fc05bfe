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
            PlacementError: the place it is said to live in is none for it.
            ConfigurationError: the configuration names no place for anybody.
        """
        ...

    def search_path(self, target: Target) -> str:
        """The quoted search path of a target, its own schema first; empty where it has its own."""
        ...

    def create_sql(self, target: Target) -> str:
        """The statement that makes a missing target."""
        ...

    def shared_schemas(self) -> tuple[str, ...]:
        """Schemas every target sees and no migration of a tenant may change."""
        ...
