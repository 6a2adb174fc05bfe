"""The resolver that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.resolution import ResolutionStrategy
from fastapi_tenancy.config.secrets import revealed
from fastapi_tenancy.resolving.header import HeaderResolver
from fastapi_tenancy.resolving.host import HostResolver
from fastapi_tenancy.resolving.key import Resolver
from fastapi_tenancy.resolving.path import PathResolver
from fastapi_tenancy.resolving.subdomain import SubdomainResolver


def _header(config: TenancyConfig) -> Resolver:
    return HeaderResolver(config.tenant_header_name)


def _host(config: TenancyConfig) -> Resolver:
    return HostResolver(forwarded=config.trust_forwarded_host)


def _subdomain(config: TenancyConfig) -> Resolver:
    return SubdomainResolver(config.domain_suffix or "", forwarded=config.trust_forwarded_host)


def _path(config: TenancyConfig) -> Resolver:
    return PathResolver(config.path_prefix)


def _jwt(config: TenancyConfig) -> Resolver:
    from fastapi_tenancy.resolving.token import TokenResolver

    return TokenResolver(
        key=revealed(config.jwt_key or "", "jwt_key"),
        algorithm=config.jwt_algorithm or "",
        audience=config.jwt_audience or "",
        issuer=config.jwt_issuer,
        claim=config.jwt_tenant_claim,
        leeway_s=config.jwt_leeway_s,
    )


_STRATEGIES: Mapping[ResolutionStrategy, Callable[[TenancyConfig], Resolver]] = {
    ResolutionStrategy.HEADER: _header,
    ResolutionStrategy.HOST: _host,
    ResolutionStrategy.SUBDOMAIN: _subdomain,
    ResolutionStrategy.PATH: _path,
    ResolutionStrategy.JWT: _jwt,
}


def resolver_of(config: TenancyConfig) -> Resolver:
    """The resolver for ``resolution_strategy``, which needs the settings that go with it.

    Raises:
        ConfigurationError: its key cannot be used.
        MissingExtraError: what it needs is not installed.
    """
    return _STRATEGIES[config.resolution_strategy](config)
