"""The catalogue that is the schemas of a database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.errors import ConfigurationError, ReadOnlyCatalogueError, TenantNotFoundError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.pattern import SchemaPatternTenantStore

Sql = Callable[[str], None]


def schemas(sql: Sql, *names: str) -> None:
    for name in names:
        sql(f'CREATE SCHEMA "{name}"')


async def found(store: SchemaPatternTenantStore, batch: int = 2) -> dict[str, str]:
    tenants = {t.identifier: t.schema_name or "" async for t in store.stream(batch)}
    await store.close()
    return tenants


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"tenant\_%", {"acme": "tenant_acme", "Ünal%": "tenant_Ünal%", "tenant_": "tenant_"}),
        (r"tenant_%", {"acme": "tenant_acme", "Ünal%": "tenant_Ünal%", "tenant_": "tenant_"}),
        (r"_enant\__cm%", {"e": "tenant_acme"}),
        ("%_prod", {"acme": "acme_prod", "ü": "ü_prod"}),
        (r"%\_prod", {"acme": "acme_prod", "ü": "ü_prod"}),
        ("a%_prod", {"cme": "acme_prod"}),
        (r"tenant\_Ünal\%", {"tenant_Ünal%": "tenant_Ünal%"}),
        ("%acme%", {"acme_prod": "acme_prod", "tenant_acme": "tenant_acme"}),
        ("acme_prod", {"acme_prod": "acme_prod"}),
        ("nothing%", {}),
    ],
)
async def test_the_identifier_is_what_the_percent_stands_for(
    sql: Sql, tenancy_database: str, pattern: str, expected: dict[str, str]
) -> None:
    schemas(sql, "tenant_acme", "tenant_Ünal%", "tenant_", "acme_prod", "ü_prod", "zebra")
    store = SchemaPatternTenantStore(tenancy_database, pattern)
    assert await found(store) == expected


async def test_schemas_of_the_server_and_public_are_never_tenants(
    sql: Sql, tenancy_database: str
) -> None:
    schemas(sql, "pgx", "a", "public_a", "information")
    store = SchemaPatternTenantStore(tenancy_database, "%")
    assert sorted(await found(store)) == ["a", "information", "pgx", "public_a"]


async def test_it_reads_like_any_catalogue(sql: Sql, tenancy_database: str) -> None:
    schemas(sql, "t_b", "t_B", "t_é", "t_a")
    url = tenancy_database.replace("postgresql:", "postgresql+asyncpg:", 1)
    store = SchemaPatternTenantStore(url, "t_%")
    await store.initialize()
    assert await store.get_by_id("t_a") == Tenant(id="t_a", identifier="a", schema_name="t_a")
    assert (await store.get_by_identifier("é")).schema_name == "t_é"
    for get, wanted in (
        (store.get_by_id, "a"),
        (store.get_by_identifier, "t_a"),
        (store.get_by_host, "a"),
    ):
        with pytest.raises(TenantNotFoundError, match=wanted):
            await get(wanted)
    assert [t.identifier for t in await store.list()] == ["B", "a", "b", "é"]
    assert [t.identifier for t in await store.list(skip=1, limit=2)] == ["a", "b"]
    assert await store.list(status=TenantStatus.SUSPENDED) == []
    assert await store.count() == await store.count(TenantStatus.ACTIVE) == 4
    assert await store.count(TenantStatus.DELETED) == 0
    assert await store.count_by_shard() == {None: 4}
    for batch in (1, 2, 3, 4, 5):
        assert [t.identifier async for t in store.stream(batch)] == ["B", "a", "b", "é"]
    await store.close()


async def test_schemas_made_and_dropped_during_a_stream(sql: Sql, tenancy_database: str) -> None:
    schemas(sql, *(f"t_{n}" for n in range(10, 30)))
    store = SchemaPatternTenantStore(tenancy_database, "t_%")
    seen: list[str] = []
    async for tenant in store.stream(batch=4):
        seen.append(tenant.identifier)
        if len(seen) == 4:
            sql("DROP SCHEMA t_10")
            sql("DROP SCHEMA t_13")
            sql("DROP SCHEMA t_20")
            schemas(sql, "t_0", "t_200")
    await store.close()
    assert seen == [*map(str, range(10, 20)), "200", *map(str, range(21, 30))]


async def test_two_schemas_with_one_identifier_are_refused(sql: Sql, tenancy_database: str) -> None:
    schemas(sql, "tenant_a", "tenantXa", "tenant_b")
    loose = SchemaPatternTenantStore(tenancy_database, "tenant_%")
    for read in (loose.list(), loose.get_by_identifier("a"), loose.stream(1).__anext__()):
        with pytest.raises(ConfigurationError, match="'tenantXa' and 'tenant_a' both give"):
            await read
    await loose.close()
    assert sorted(await found(SchemaPatternTenantStore(tenancy_database, r"tenant\_%"))) == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("pattern", ["", "tenant_%\\", "a\x00%"])
def test_what_like_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="schema_pattern is"):
        SchemaPatternTenantStore("postgresql://h/db", pattern)


def test_sqlite_has_no_schemas() -> None:
    with pytest.raises(ConfigurationError, match="needs a PostgreSQL database"):
        SchemaPatternTenantStore("sqlite:///x.db", "t_%")


async def test_the_catalogue_cannot_be_written(tenancy_database: str) -> None:
    store = SchemaPatternTenantStore(tenancy_database, "t_%")
    tenant = Tenant(id="9", identifier="new")
    among = [TenantStatus.SUSPENDED]
    writes = (
        store.create(tenant),
        store.update(tenant),
        store.set_status("1", TenantStatus.ACTIVE, among),
        store.delete("1"),
        store.save_all([]),
    )
    for write in writes:
        with pytest.raises(ReadOnlyCatalogueError, match="schema_pattern"):
            await write
