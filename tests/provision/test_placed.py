"""A new tenant is made on the least full shard, and goes on where it was begun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fastapi_tenancy import SQLAlchemyTenantStore, TenantStatus
from fastapi_tenancy.errors import PlacementError, ProvisioningError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.provision.creating import create_tenant
from fastapi_tenancy.testing.databases import create_database, drop_database
from shelf import Shelf, tenant


@pytest.fixture
def other(tenancy_database: str) -> Iterator[str]:
    """A database that stands for another server."""
    made = create_database(tenancy_database)
    yield made
    drop_database(made)


def sharded(shelf: Shelf, other: str, **us: Any) -> IsolationProvider:
    shards = {"eu": {"url": shelf.url}, "us": {"url": other, **us}}
    return shelf.isolation(database_url=None, shards=shards)


async def test_tenants_are_made_where_there_is_room(
    shelf: Shelf, store: SQLAlchemyTenantStore, other: str
) -> None:
    isolation = sharded(shelf, other)
    made = [
        await create_tenant(tenant(name), store=store, isolation=isolation)
        for name in ("acme", "bolt", "crux")
    ]
    assert [t.shard for t in made] == ["eu", "us", "eu"]
    assert shelf.stands("tenant_bolt", other) == ["b2"]
    assert shelf.schemas() == ["tenant_acme", "tenant_crux"]
    full = sharded(shelf, other, max_tenants=1)
    assert (await create_tenant(tenant("dune"), store=store, isolation=full)).shard == "eu"
    closed = shelf.isolation(
        database_url=None, shards={"us": {"url": other, "accepts_tenants": False}}
    )
    with pytest.raises(PlacementError, match="no shard accepts tenant 'echo'"):
        await create_tenant(tenant("echo"), store=store, isolation=closed)
    assert await store.count() == 4


async def test_a_creation_goes_on_where_it_was_begun(
    shelf: Shelf, store: SQLAlchemyTenantStore, other: str
) -> None:
    isolation = sharded(shelf, other)
    broken = shelf.revision("b3", "b2", 'op.execute("SELECT no_such_function()")')
    with pytest.raises(ProvisioningError):
        await create_tenant(tenant(), store=store, isolation=isolation)
    begun = await store.get_by_identifier("acme")
    assert (begun.shard, begun.status) == ("eu", TenantStatus.PROVISIONING)
    broken.unlink()
    await store.save_all([tenant("full", shard="eu")])
    made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert (made.shard, made.status) == ("eu", TenantStatus.ACTIVE)
