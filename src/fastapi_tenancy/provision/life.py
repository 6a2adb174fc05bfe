"""What becomes of a tenant after it was created: suspended, active again, ended."""

from __future__ import annotations

from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.protocol import TenantStore

_SERVED = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED)
_ALIVE = (TenantStatus.PROVISIONING, *_SERVED)


async def suspend(store: TenantStore, tenant: Tenant) -> Tenant:
    """Serve the tenant no longer; harmless when it is suspended. It is migrated all the same.

    Raises:
        TenantStatusError: it is provisioning or deleted.
    """
    return await store.set_status(tenant.id, TenantStatus.SUSPENDED, _SERVED)


async def activate(store: TenantStore, tenant: Tenant) -> Tenant:
    """Serve a suspended tenant again; harmless when it is active.

    Raises:
        TenantStatusError: it is provisioning, which creating it again ends, or deleted.
    """
    return await store.set_status(tenant.id, TenantStatus.ACTIVE, _SERVED)


async def retire(store: TenantStore, tenant: Tenant) -> Tenant:
    """Mark the tenant deleted; its name, its place and its data stay.

    Raises:
        TenantStatusError: it is deleted.
    """
    return await store.set_status(tenant.id, TenantStatus.DELETED, _ALIVE)
