"""Several strategies in one fleet: each tenant by its own, its tier's, or everybody else's."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant


class HybridIsolationProvider:
    """Asks, for each tenant, the strategy that is chosen for it."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        self._premium = frozenset(config.premium_tenants)
        self._providers: dict[IsolationStrategy, IsolationProvider] = {
            IsolationStrategy.SCHEMA: SchemaIsolationProvider(config),
            IsolationStrategy.DATABASE: DatabaseIsolationProvider(config),
            IsolationStrategy.RLS: RLSIsolationProvider(config),
        }

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def provider_of(self, tenant: Tenant) -> IsolationProvider:
        """The strategy of a tenant: its own, else that of its tier.

        Raises:
            PlacementError: its own one is hybrid, which is not a strategy for one tenant.
        """
        strategy = tenant.isolation_strategy
        if strategy is None:
            premium = {tenant.identifier, tenant.id} & self._premium
            config = self._config
            strategy = (
                config.premium_isolation_strategy if premium else config.standard_isolation_strategy
            )
        if strategy is IsolationStrategy.HYBRID:
            raise PlacementError(
                "its isolation_strategy is 'hybrid'; expected schema, database or rls: hybrid says"
                " how a fleet is kept apart, not a tenant"
            )
        return self._providers[strategy]

    def target(self, tenant: Tenant) -> Target:
        """Where the tenant's strategy places it.

        Raises:
            PlacementError: as its strategy says.
        """
        return self.provider_of(tenant).target(tenant)

    def search_path(self, target: Target) -> str:
        """That of the target's strategy."""
        return self._providers[target.strategy].search_path(target)

    def create_sql(self, target: Target) -> str:
        """That of the target's strategy."""
        return self._providers[target.strategy].create_sql(target)

    def shared_schemas(self) -> tuple[str, ...]:
        """Those of the schema strategy, unless the shared tables of others lie there."""
        return self._providers[IsolationStrategy.SCHEMA].shared_schemas()


def uses_rls(isolation: IsolationProvider) -> bool:
    """True where tenants may live in shared tables, which policies keep apart."""
    config, rls = isolation.config, IsolationStrategy.RLS
    tiers = (config.premium_isolation_strategy, config.standard_isolation_strategy)
    if isinstance(isolation, HybridIsolationProvider):
        return rls in tiers
    return isinstance(isolation, RLSIsolationProvider)
