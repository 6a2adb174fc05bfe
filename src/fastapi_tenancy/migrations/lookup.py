"""One tenant by a name somebody typed, and where it lives."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.errors import ConfigurationError, TenantDeletedError, TenantNotFoundError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.fleet import Collect, in_own_loop
from fastapi_tenancy.migrations.rivals import place_in
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.opening import open_isolation, open_store


def find_target(config: TenancyConfig, wanted: str) -> Target:
    """Where a tenant lives, by its identifier, its id or its schema.

    It is looked up and refused exactly as `tenancy upgrade --tenant` does.

    Raises:
        TenantNotFoundError: the catalogue has no such tenant.
        ConfigurationError: it is marked deleted, or its place cannot be its own.
    """
    isolation = open_isolation(config)
    collect = in_own_loop(open_store(config), isolation)
    tenants = _named(collect, isolation, wanted)
    resolved = resolve(isolation, tenants)
    for refusal in resolved.refusals:
        if tenants[0] in refusal.target.tenants:
            raise ConfigurationError(f"tenant {tenants[0].identifier!r}: {refusal.error}")
    return next(t for t in resolved.targets if tenants[0] in t.tenants)


def _named(collect: Collect, isolation: IsolationProvider, wanted: str) -> list[Tenant]:
    """The tenant meant, and after it those that claim the same place."""
    try:
        return collect(Selection(identifiers=frozenset({wanted})))
    except TenantDeletedError as error:
        raise ConfigurationError(
            f"the tenant {wanted!r} is marked deleted and left alone. Where you mean it, name its"
            " place itself: -x schema=SCHEMA, or -x url=URL"
        ) from error
    except TenantNotFoundError:
        identifier = _by_schema(collect, isolation, wanted)
        if identifier is None:
            raise
        return collect(Selection(identifiers=frozenset({identifier})))


def _by_schema(collect: Collect, isolation: IsolationProvider, wanted: str) -> str | None:
    place = place_in(isolation)
    found = []
    for tenant in collect(Selection()):
        key = place(tenant)
        if key is not None and key[1] == wanted:
            found.append(tenant)
    require_one_shard(found, wanted)
    return found[0].identifier if found else None


def require_one_shard(tenants: list[Tenant], schema: str) -> None:
    """Refuse the name of a schema that is on several servers.

    Raises:
        ConfigurationError: these tenants live in a schema of that name on different shards.
    """
    if len({tenant.shard for tenant in tenants}) > 1:
        named = ", ".join(f"{t.identifier} on {t.shard or 'no shard'}" for t in tenants)
        raise ConfigurationError(
            f"the schema {schema!r} is on several servers ({named}); say which tenant is meant by"
            " its identifier"
        )
