"""A new tenant is made on the least full shard, and goes on where it was begun."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from fastapi_tenancy import SQLAlchemyTenantStore, Tenant, TenantStatus
from fastapi_tenancy.errors import PlacementError, ProvisioningError, ServerUnreachableError
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


async def test_creators_at_once_keep_to_the_most(
    shelf: Shelf, store: SQLAlchemyTenantStore
) -> None:
    shards = {"eu": {"url": shelf.url, "max_tenants": 2}}
    isolation = shelf.isolation(database_url=None, shards=shards)
    made = await asyncio.gather(
        *(create_tenant(tenant(f"t{n}"), store=store, isolation=isolation) for n in range(6)),
        return_exceptions=True,
    )
    created = [one.identifier for one in made if isinstance(one, Tenant)]
    assert 1 <= len(created) <= 2
    assert {type(one) for one in made} == {Tenant, PlacementError}
    assert sorted([t.identifier async for t in store.stream()]) == sorted(created)
    assert shelf.schemas() == sorted(f"tenant_{name}" for name in created)
    while await store.count() < 2:  # there is room as long as there is
        await create_tenant(tenant("last"), store=store, isolation=isolation)


@pytest.mark.parametrize("strategy", ["schema", "database", "rls"])
async def test_a_shard_that_is_down_is_passed_over(
    shelf: Shelf,
    store: SQLAlchemyTenantStore,
    caplog: pytest.LogCaptureFixture,
    template: str,
    strategy: str,
) -> None:
    up = {"url": shelf.url} | (
        {"database_url_template": template} if strategy == "database" else {}
    )
    down = {"url": "postgresql://u:secret@127.0.0.1:1/d"}
    settings = {"database_url": None, "isolation_strategy": strategy}
    isolation = shelf.isolation(shards={"down": down, "eu": up}, **settings)
    with caplog.at_level(logging.WARNING, "fastapi_tenancy"):
        made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert (made.shard, made.status) == ("eu", TenantStatus.ACTIVE)
    assert "shard 'down' does not answer, and is passed over for tenant 'acme'" in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(ServerUnreachableError if strategy != "rls" else ProvisioningError):
        await create_tenant(tenant("bolt", shard="down"), store=store, isolation=isolation)
    full = {"down": down, "eu": {**up, "max_tenants": 1}}
    isolation = shelf.isolation(shards=full, **settings)
    with pytest.raises(ServerUnreachableError):
        await create_tenant(tenant("crux"), store=store, isolation=isolation)
    assert "crux" not in [t.identifier async for t in store.stream()]
