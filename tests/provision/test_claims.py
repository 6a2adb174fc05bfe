"""Who stands in the way of a new tenant is found by a query, as by reading the whole list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fastapi_tenancy import InMemoryTenantStore, SQLAlchemyTenantStore, Tenant
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError, TenantExistsError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.provision.claims import require_free
from fastapi_tenancy.storage.protocol import TenantStore

THERE = [
    Tenant(id="1", identifier="acme"),
    Tenant(id="2", identifier="Bolt-Co"),
    Tenant(id="3", identifier="Café"),
    Tenant(id="4", identifier="named", schema_name="tenant_dune"),
    Tenant(id="5", identifier="plain", schema_name="bare"),
    Tenant(id="6", identifier="own", database_url="postgresql://u:p@elsewhere/tenant_echo"),
    Tenant(id="7", identifier="file", database_url="sqlite:///files/tenant_fox.db"),
    Tenant(id="acme-id", identifier="8"),
    Tenant(id="9", identifier="on-eu", shard="eu"),
]
NEW = [
    *(Tenant(id=f"n{n}", identifier=name) for n, name in enumerate(("acme2", "dune", "echo"))),
    *(Tenant(id=f"m{n}", identifier=name) for n, name in enumerate(("fox", "on-us", "bare"))),
    *(
        Tenant(id=f"s{n}", identifier=f"s{n}", schema_name=name)
        for n, name in enumerate(("tenant_acme", "tenant_bolt_co", "bare", "other"))
    ),
    Tenant(id="h", identifier="h", schema_name="tenant_caf__9a0e0b2f"),
    Tenant(id="acme", identifier="x"),
    Tenant(id="y", identifier="acme-id"),
    Tenant(id="e", identifier="e", shard="eu", schema_name="tenant_on_eu"),
    Tenant(id="u", identifier="u", database_url="postgresql://x@elsewhere/tenant_echo"),
    Tenant(id="f", identifier="f", database_url="sqlite:///files/tenant_fox.db"),
]
PLACES = {
    "schema": {"database_url": "postgresql://h/db", "shards": {"eu": {"url": "postgresql://h/db"}}},
    "database": {
        "database_url": "postgresql://elsewhere/shop",
        "shards": {"eu": {"url": "postgresql://elsewhere/eu"}},
    },
    "hybrid": {"database_url": "postgresql://h/db", "shards": {"eu": {"url": "postgresql://i/db"}}},
}

Opened = Callable[[], SQLAlchemyTenantStore]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def asked(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SQLAlchemyTenantStore]:
    url = f"sqlite:///{tmp_path}/list.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("tenancy_database")
    store = SQLAlchemyTenantStore(url)
    await store.initialize()
    for tenant in THERE:
        await store.create(tenant)
    yield store
    await store.close()


@pytest.mark.parametrize("strategy", sorted(PLACES))
async def test_the_same_tenants_are_refused(asked: SQLAlchemyTenantStore, strategy: str) -> None:
    config = TenancyConfig(isolation_strategy=strategy, **PLACES[strategy])
    isolation, whole = open_isolation(config), InMemoryTenantStore()
    for tenant in THERE:
        await whole.create(tenant)
    derived = isolation.target(THERE[2])
    new = [*NEW, Tenant(id="hash", identifier="hash", schema_name=derived.schema or None)]
    found = {one.id: await _refused(asked, isolation, one) for one in new}
    assert found == {one.id: await _refused(whole, isolation, one) for one in new}
    assert sum(map(bool, found.values())) >= 4, found


async def _refused(store: TenantStore, isolation: IsolationProvider, tenant: Tenant) -> str:
    try:
        await require_free(store, isolation, tenant)
    except (TenantExistsError, PlacementError) as error:
        return str(error)
    return ""


async def test_a_list_is_not_read_to_its_end(
    asked: SQLAlchemyTenantStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolation = open_isolation(TenancyConfig(**PLACES["schema"]))

    def read_all(batch: int = 1000) -> AsyncIterator[Tenant]:
        raise AssertionError(batch)

    monkeypatch.setattr(asked, "stream", read_all)
    with pytest.raises(TenantExistsError, match="belongs to tenant 'named'"):
        await require_free(asked, isolation, Tenant(id="d", identifier="dune"))


class _ById(SchemaIsolationProvider):
    """Names schemas in a way of its own."""

    def schema_of(self, tenant: Tenant) -> str:
        return tenant.schema_name or f"of_{tenant.id}"


async def test_names_of_another_strategy_are_found_by_reading_all(
    asked: SQLAlchemyTenantStore,
) -> None:
    isolation = _ById(TenancyConfig(**PLACES["schema"]))
    with pytest.raises(TenantExistsError, match="belongs to tenant 'acme'"):
        await require_free(asked, isolation, Tenant(id="o", identifier="o", schema_name="of_1"))
