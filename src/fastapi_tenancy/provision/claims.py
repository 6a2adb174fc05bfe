"""Whose a name and a place are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi_tenancy.errors import PlacementError, TenantExistsError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.hybrid import HybridIsolationProvider
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import database_of
from fastapi_tenancy.observe.files import existing
from fastapi_tenancy.storage.claims import Claim, FindsClaimants
from fastapi_tenancy.storage.protocol import TenantStore

_OURS = (
    SchemaIsolationProvider,
    DatabaseIsolationProvider,
    RLSIsolationProvider,
    HybridIsolationProvider,
)


def agreed_target(tenant: Tenant, isolation: IsolationProvider) -> Target:
    """Where a tenant is to live.

    Raises:
        PlacementError: its place cannot be used, or a run would refuse it: the fleet is kept
            apart in one way, and this tenant is said to be in another.
    """
    target = isolation.target(tenant)
    own = tenant.isolation_strategy
    if own not in (None, target.strategy):
        raise PlacementError(
            f"the isolation_strategy of tenant {tenant.identifier!r} is {own.value!r}, but the"
            f" fleet's is {target.strategy.value!r}; set isolation_strategy to hybrid in the"
            " settings, or leave it out"
        )
    return target


async def require_free(store: TenantStore, isolation: IsolationProvider, tenant: Tenant) -> None:
    """Refuse a place that is another tenant's, a deleted one's too: its data is still there.

    And a name that would mean two tenants: the id of one and the identifier of another.

    Raises:
        TenantExistsError: one of both is so.
    """
    target = isolation.target(tenant)
    shared = target.strategy is IsolationStrategy.RLS
    async for other in _others(store, isolation, tenant, target):
        if other.id == tenant.id or other.identifier == tenant.identifier:
            continue  # the catalogue itself says that best
        _require_one_meaning(tenant, other)
        with suppress(PlacementError):
            if not shared and isolation.target(other).key == target.key:
                what, field = (
                    ("schema", "schema_name") if target.schema else ("database", "database_url")
                )
                raise TenantExistsError(
                    f"the {what} {target.name!r} belongs to tenant {other.identifier!r}"
                    f" ({other.status.value}) already; give {tenant.identifier!r} one of its own"
                    f" ({field})"
                )


async def _others(
    store: TenantStore, isolation: IsolationProvider, tenant: Tenant, target: Target
) -> AsyncIterator[Tenant]:
    """Those who may claim the same; all there are where a catalogue cannot be asked for them."""
    homes = Homes(isolation.config)
    filled_in = any(home.template for home in homes) or isolation.config.database_url_template
    ours = type(isolation) in _OURS  # what another makes of identifiers, no query knows
    if not isinstance(store, FindsClaimants) or filled_in or not ours:
        async for other in store.stream():
            yield other
        return
    name, prefix = target.schema or _database(target), isolation.config.schema_prefix
    bare = name.removeprefix(prefix) if name.startswith(prefix) else None
    for other in await store.claimants(Claim(tenant.id, tenant.identifier, name, bare)):
        yield other


def _database(target: Target) -> str:
    if target.is_file:
        return existing(target.address).stem
    return database_of(target.address)


def _require_one_meaning(tenant: Tenant, other: Tenant) -> None:
    if tenant.id == other.identifier:
        raise TenantExistsError(
            f"the id {tenant.id!r} is the identifier of another tenant, so {tenant.id!r} would"
            " mean either; choose another id"
        )
    if tenant.identifier == other.id:
        raise TenantExistsError(
            f"the identifier {tenant.identifier!r} is the id of tenant {other.identifier!r}, so"
            f" {other.id!r} would mean either; choose another identifier"
        )
