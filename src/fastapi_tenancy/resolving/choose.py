"""The resolver that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.resolution import ResolutionStrategy
from fastapi_tenancy.resolving.header import HeaderResolver
from fastapi_tenancy.resolving.key import Resolver


def _header(config: TenancyConfig) -> Resolver:
    return HeaderResolver(config.tenant_header_name)


_STRATEGIES: Mapping[ResolutionStrategy, Callable[[TenancyConfig], Resolver]] = {
    ResolutionStrategy.HEADER: _header,
}


def resolver_of(config: TenancyConfig) -> Resolver:
    """The resolver for ``resolution_strategy``."""
    return _STRATEGIES[config.resolution_strategy](config)
