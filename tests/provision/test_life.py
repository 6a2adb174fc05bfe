"""Suspended, active again, ended: which status leads to which."""

from __future__ import annotations

import pytest

from fastapi_tenancy import SQLAlchemyTenantStore, TenantStatus
from fastapi_tenancy.errors import TenantStatusError
from fastapi_tenancy.provision.life import activate, retire, suspend
from shelf import tenant

PROVISIONING, ACTIVE, SUSPENDED, DELETED = TenantStatus


@pytest.mark.parametrize(
    ("step", "leads"),
    [
        (suspend, {ACTIVE: SUSPENDED, SUSPENDED: SUSPENDED}),
        (activate, {ACTIVE: ACTIVE, SUSPENDED: ACTIVE}),
        (retire, {PROVISIONING: DELETED, ACTIVE: DELETED, SUSPENDED: DELETED}),
    ],
)
@pytest.mark.parametrize("status", TenantStatus)
async def test_each_step_leads_from_where_it_may(
    store: SQLAlchemyTenantStore, step, leads, status: TenantStatus
) -> None:
    there = await store.create(tenant(status=status))
    if status in leads:
        assert (await step(store, there)).status is leads[status]
    else:
        with pytest.raises(TenantStatusError, match=f"'acme' is {status.value}; expected one"):
            await step(store, there)
    assert (await store.get_by_id(there.id)).status is leads.get(status, status)
