"""Finds tenants outside of a choice that claim the place of a chosen one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import TargetKey
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.protocol import TenantStore

Place = Callable[[Tenant], TargetKey | None]
"""Where a tenant lives; None where its place has a name that cannot be used."""


def place_in(isolation: IsolationProvider) -> Place:
    """The place of each tenant under an isolation strategy."""

    def place(tenant: Tenant) -> TargetKey | None:
        try:
            return isolation.target(tenant).key
        except PlacementError:
            return None

    return place


async def rivals(store: TenantStore, chosen: Iterable[Tenant], place: Place) -> list[Tenant]:
    """Other tenants that claim the place of one of ``chosen``; those marked deleted claim none.

    Whoever works on a part of the fleet must not move a tenant that nobody chose.
    """
    known = {tenant.id: place(tenant) for tenant in chosen}
    places = set(known.values()) - {None}
    return [
        tenant
        async for tenant in store.stream()
        if tenant.status is not TenantStatus.DELETED
        and tenant.id not in known
        and place(tenant) in places
    ]
