"""From a request to its tenant: what the request says, and who that is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.resolution import ResolutionStrategy
from fastapi_tenancy.errors import NoTenantNamedError, TenantRefusedError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.choose import resolver_of
from fastapi_tenancy.resolving.finder import TenantFinder, if_active
from fastapi_tenancy.resolving.key import By, Resolver, Scope, TenantKey
from fastapi_tenancy.resolving.lookups import lookup
from fastapi_tenancy.resolving.own import Own, OwnResolver
from fastapi_tenancy.resolving.path import PathResolver
from fastapi_tenancy.storage.protocol import TenantStore


class Resolution:
    """Finds the tenant of a request in a catalogue.

    Args:
        function: says whose request it is, instead of what ``resolution_strategy`` names.

    Raises:
        ConfigurationError: the settings do not go together, or the catalogue cannot find tenants
            by what they name.
    """

    def __init__(
        self, config: TenancyConfig, store: TenantStore, function: Own | None = None
    ) -> None:
        self._resolver: Resolver = OwnResolver(function) if function else resolver_of(config)
        if function is None:
            lookup(store, _by(config.resolution_strategy))
        self._finder = TenantFinder(
            store,
            size=config.cache_size,
            ttl_s=config.cache_ttl_s,
            patience_s=config.connect_timeout_s,
        )

    async def tenant(self, scope: Scope) -> Tenant:
        """The active tenant that a request names.

        Raises:
            NoTenantNamedError: the request says nothing about a tenant.
            TenantRefusedError: the tenant it names is not served.
            CatalogueUnavailableError: the catalogue cannot say.
        """
        named = self._resolver(scope)
        if not isinstance(named, TenantKey) and inspect.isawaitable(named):
            named = await named
        if isinstance(named, TenantKey):
            return self._finder.remembered(named) or await self._finder.find(named)
        if named is None:
            raise NoTenantNamedError("the request names no tenant")
        return _served(if_active(named))

    @property
    def inside(self) -> Callable[[Scope], dict[str, Any]] | None:
        """Where the path names the tenant: gives ``path`` and ``root_path`` as routes see them."""
        return self._resolver.inside if isinstance(self._resolver, PathResolver) else None

    async def close(self) -> None:
        """Give up what is under way, and forget everything."""
        await self._finder.close()


def _by(strategy: ResolutionStrategy) -> By:
    return "host" if strategy is ResolutionStrategy.HOST else "identifier"


def _served(found: Tenant | str) -> Tenant:
    if isinstance(found, str):
        raise TenantRefusedError(found)
    return found
