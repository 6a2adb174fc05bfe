"""The catalogue read from a project's own tables by a query."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.errors import (
    ConfigurationError,
    InvalidNameError,
    ReadOnlyCatalogueError,
    TenantNotFoundError,
)
from fastapi_tenancy.model.tenant import NO_TAGS, IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.model.url import driver_free
from fastapi_tenancy.storage.query import QueryTenantStore

Sql = Callable[[str], None]

CUSTOMERS = """
CREATE TYPE life AS ENUM ('Active', 'suspended', 'deleted');
CREATE TABLE customers (
    key int PRIMARY KEY, slug varchar(40), home name, url text, life life, labels jsonb);
INSERT INTO customers VALUES
    (1, 'acme', 'tenant_acme', NULL, 'Active', '{"tier": "gold", "seats": 5, "vip": true, "x": null}'),
    (2, 'Beta', NULL, 'postgresql://u:p@h/beta', NULL, NULL),
    (3, 'çelik', 'çelik', NULL, 'suspended', '{}'),
    (4, 'gone', NULL, NULL, 'deleted', '{}');
"""
FULL = """
SELECT key AS id, slug AS identifier, home AS schema_name, url AS database_url,
       life AS status, labels AS tags -- the labels
  FROM customers WHERE slug LIKE '%' AND slug !~ 'a:b' AND '{1}'::int[] = '{1}' ; ;
"""


@pytest.fixture
def customers(sql: Sql, tenancy_database: str) -> str:
    sql(CUSTOMERS)
    return tenancy_database


async def identifiers(store: QueryTenantStore, batch: int = 2) -> list[str]:
    return [t.identifier async for t in store.stream(batch)]


async def test_rows_become_tenants_in_byte_order(customers: str) -> None:
    store = QueryTenantStore(customers, FULL)
    tenants = [t async for t in store.stream(1)]
    assert tenants == [
        Tenant(id="2", identifier="Beta", database_url="postgresql://u:p@h/beta"),
        Tenant(
            id="1",
            identifier="acme",
            schema_name="tenant_acme",
            tags={"tier": "gold", "seats": "5", "vip": "true"},
        ),
        Tenant(id="4", identifier="gone", status=TenantStatus.DELETED),
        Tenant(id="3", identifier="çelik", schema_name="çelik", status=TenantStatus.SUSPENDED),
    ]
    assert tenants[0].tags is NO_TAGS
    assert ":p@" not in repr(tenants[0])
    await store.close()


async def test_it_reads_like_any_catalogue(customers: str) -> None:
    store = QueryTenantStore(customers.replace("postgresql:", "postgresql+asyncpg:", 1), FULL)
    assert (await store.get_by_id("3")).identifier == "çelik"
    assert (await store.get_by_identifier("acme")).id == "1"
    for get in (store.get_by_id, store.get_by_identifier):
        with pytest.raises(TenantNotFoundError, match="'nobody'"):
            await get("nobody")
    assert [t.identifier for t in await store.list()] == ["Beta", "acme", "çelik"]
    assert [t.identifier for t in await store.list(skip=1, limit=1)] == ["acme"]
    assert [t.id for t in await store.list(status=TenantStatus.ACTIVE)] == ["2", "1"]
    assert [t.id for t in await store.list(status=TenantStatus.DELETED)] == ["4"]
    assert await store.count() == 3
    assert await store.count(TenantStatus.SUSPENDED) == 1
    for batch in (1, 2, 3, 4, 5):
        assert await identifiers(store, batch) == ["Beta", "acme", "gone", "çelik"]
    await store.close()


async def test_an_identifier_alone_is_enough(customers: str) -> None:
    store = QueryTenantStore(
        customers, "WITH c AS (TABLE customers) SELECT key AS identifier FROM c"
    )
    assert [t async for t in store.stream()] == [Tenant(id=k, identifier=k) for k in "1234"]
    assert (await store.get_by_id("3")).identifier == "3"
    assert await store.count() == 4
    await store.close()


async def test_other_columns_of_a_tenant_and_text_tags(customers: str) -> None:
    store = QueryTenantStore(
        customers,
        "SELECT 'a' AS identifier, 'Acme' AS name, 'DATABASE' AS isolation_strategy,"
        ' \'{"a": "b"}\' AS tags, NULL::int AS id',
    )
    assert await store.list() == [
        Tenant(
            id="a",
            identifier="a",
            name="Acme",
            tags={"a": "b"},
            isolation_strategy=IsolationStrategy.DATABASE,
        )
    ]
    await store.close()


async def test_a_host_is_found_whatever_its_letters(customers: str) -> None:
    store = QueryTenantStore(
        customers,
        "SELECT slug AS identifier, CASE key WHEN 3 THEN 'Acme.Example.com' WHEN 1 THEN 'x'"
        " WHEN 2 THEN 'X' END AS host, 'eu' AS shard FROM customers",
    )
    found = await store.get_by_host("acme.example.com")
    assert (found.host, found.shard) == ("acme.example.com", "eu")
    with pytest.raises(TenantNotFoundError, match=r"'other.example.com'"):
        await store.get_by_host("other.example.com")
    assert await store.count_by_shard() == {"eu": 4}
    with pytest.raises(ConfigurationError, match=r"gives the host 'x' to the tenants .* and "):
        await store.get_by_host("x")
    await store.close()


async def test_without_a_column_for_it_nobody_has_a_host(customers: str) -> None:
    store = QueryTenantStore(customers, "SELECT slug AS identifier FROM customers")
    with pytest.raises(TenantNotFoundError):
        await store.get_by_host("acme")
    assert {t.host for t in await store.list()} == {None}
    assert await store.count_by_shard() == {None: 4}
    await store.close()


async def test_inserts_and_deletes_during_a_stream(customers: str, sql: Sql) -> None:
    sql("INSERT INTO customers SELECT n, 'n' || n FROM generate_series(10, 29) AS n")
    store = QueryTenantStore(customers, "SELECT slug AS identifier FROM customers")
    seen: list[str] = []
    async for tenant in store.stream(batch=4):
        seen.append(tenant.identifier)
        if len(seen) == 8:
            sql("DELETE FROM customers WHERE key IN (11, 14, 20)")
            sql("INSERT INTO customers VALUES (90, 'a'), (91, 'zz')")
    expected = ["Beta", "acme", "gone", *(f"n{n}" for n in range(10, 30) if n != 20), "zz", "çelik"]
    assert seen == expected
    await store.close()


async def test_nothing_is_held_while_a_stream_is_consumed(customers: str, sql: Sql) -> None:
    store = QueryTenantStore(customers, "SELECT slug AS identifier FROM customers")
    async for _ in store.stream(batch=2):
        # waits for every transaction that could still read the table
        sql("CREATE INDEX CONCURRENTLY IF NOT EXISTS by_home ON customers (home)")
    await store.close()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT 1 AS id", "columns id: no identifier"),
        ("SELECT 1 AS identifier, 2 AS plan, 3 AS color", "plan, color unknown"),
        ("SELECT 1 AS identifier, 2 AS id, 3 AS id", "id given twice"),
        ("SELECT slug AS identifier FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELEC 1", "syntax error"),
        ("SELECT 1/0 AS identifier", "division by zero"),
        ("SELECT NULL::text AS identifier", "NULL"),
        ("SELECT '' AS identifier", "is empty"),
        ("SELECT E'a\\nb' AS identifier", r"U\+000A"),
        ("SELECT 'x' AS identifier FROM generate_series(1, 2)", "'x' more than once"),
        ("SELECT 'x' AS identifier, 'trial' AS status", "status of tenant 'x' is 'trial'"),
        ("SELECT 'x' AS identifier, 'magic' AS isolation_strategy", "isolation strategy of tenant"),
        ("SELECT 'x' AS identifier, '[]' AS tags", "tags of tenant 'x' are"),
        ("SELECT 'x' AS identifier, '{' AS tags", "tags of tenant 'x' are"),
        ("SELECT 'x' AS identifier, '{\"a\": {}}'::jsonb AS tags", "tags of tenant 'x' are"),
    ],
)
async def test_what_is_wrong_with_a_query_is_said(customers: str, query: str, told: str) -> None:
    store = QueryTenantStore(customers, query)
    for _ in range(2):
        with pytest.raises((ConfigurationError, InvalidNameError), match=told):
            await identifiers(store)
    await store.close()


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
async def test_a_repeated_identifier_is_seen_on_every_page_border(
    customers: str, batch: int
) -> None:
    store = QueryTenantStore(
        customers, "SELECT slug AS identifier FROM customers UNION ALL SELECT 'gone'"
    )
    with pytest.raises(ConfigurationError, match="'gone' more than once"):
        await identifiers(store, batch)
    with pytest.raises(ConfigurationError, match="'gone' more than once"):
        await store.get_by_identifier("gone")
    await store.close()


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
async def test_an_id_of_two_tenants_is_refused(customers: str, batch: int) -> None:
    store = QueryTenantStore(
        customers,
        "SELECT slug AS identifier, CASE key WHEN 2 THEN 3 ELSE key END AS id FROM customers",
    )
    told = "the id '3' to the tenants 'Beta' and 'çelik'; it must give each tenant its own"
    with pytest.raises(ConfigurationError, match=told):
        await identifiers(store, batch)
    with pytest.raises(ConfigurationError, match=told):
        await store.list(limit=1)
    with pytest.raises(ConfigurationError, match=told):
        await store.get_by_id("3")
    await store.close()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "SELECT slugg AS identifier FROM customers",
            'column "slugg" does not exist. Perhaps you meant to reference the column'
            ' "customers.slug" (tenants_query, line 1, column 8: SELECT slugg AS identifier FROM'
            " customers)",
        ),
        (
            "SELECT slug AS identifier\n  FROM customers\n WHERE slug LIKE '%:x' AN key = 1",
            'syntax error at or near "AN" (tenants_query, line 3, column 24:'
            " WHERE slug LIKE '%:x' AN key = 1)",
        ),
        (
            "SELECT slug AS identifier FROM customers WHERE",
            'syntax error at or near ")" (tenants_query, at its end)',
        ),
    ],
)
async def test_the_place_of_an_error_is_one_in_the_users_query(
    customers: str, query: str, told: str
) -> None:
    store = QueryTenantStore(customers, query)
    with pytest.raises(ConfigurationError) as caught:
        await store.count()
    assert str(caught.value).endswith(f" refused: {told}")
    await store.close()


async def test_what_goes_wrong_only_among_the_rows_is_told_too(customers: str, sql: Sql) -> None:
    store = QueryTenantStore(customers, "SELECT slug AS identifier FROM customers")
    assert await store.count() == 4
    sql("ALTER TABLE customers RENAME slug TO sluggish")
    with pytest.raises(ConfigurationError) as caught:
        await store.count()
    assert "(tenants_query, line 1, column 8: SELECT slug AS" in str(caught.value)
    await store.close()


async def test_an_id_of_two_tenants_of_sqlite(tmp_path: Path) -> None:
    query = "SELECT 'a' AS identifier, 1 AS id UNION ALL SELECT 'b', 1"
    (tmp_path / "app.db").touch()
    store = QueryTenantStore(f"sqlite:///{tmp_path}/app.db", query)
    with pytest.raises(ConfigurationError, match="the id '1' to the tenants 'a' and 'b'"):
        await identifiers(store)
    await store.close()


@pytest.mark.parametrize("query", ["", "  ", " ; "])
def test_an_empty_query_is_refused(query: str) -> None:
    with pytest.raises(ConfigurationError, match="tenants_query is empty"):
        QueryTenantStore("postgresql://h/db", query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT nextval('counter')::text AS identifier",
        "SELECT touch() AS identifier",
        "SELECT slug AS identifier FROM customers FOR UPDATE",
        "DELETE FROM customers RETURNING slug AS identifier",
        "WITH d AS (DELETE FROM customers RETURNING slug) SELECT slug AS identifier FROM d",
        "SELECT 'x' AS identifier) AS q; COMMIT; DELETE FROM customers; SELECT * FROM (SELECT 1",
    ],
)
async def test_a_query_cannot_write(customers: str, sql: Sql, query: str) -> None:
    sql("CREATE SEQUENCE counter")
    sql(
        "CREATE FUNCTION touch() RETURNS text LANGUAGE sql"
        " AS 'DELETE FROM customers RETURNING slug::text'"
    )
    store = QueryTenantStore(customers, query)
    with pytest.raises(ConfigurationError, match="refused: "):
        await identifiers(store)
    await store.close()
    with psycopg.connect(driver_free(customers)) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (4,)
        assert connection.execute("SELECT is_called FROM counter").fetchone() == (False,)


async def test_the_catalogue_cannot_be_written(customers: str) -> None:
    store = QueryTenantStore(customers, FULL)
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
        with pytest.raises(ReadOnlyCatalogueError, match="tenants_query"):
            await write


async def test_sqlite_tables_are_read_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE customers (slug TEXT, labels TEXT, life TEXT)")
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?)",
            [("b", '{"tier": "gold"}', None), ("B", None, "Suspended"), ("é", "{}", "deleted")],
        )
    connection.close()
    store = QueryTenantStore(
        f"sqlite+aiosqlite:///{tmp_path}/app.db",
        "SELECT slug AS identifier, labels AS tags, life AS status FROM customers"
        " WHERE slug LIKE '%' AND slug <> ':x';",
    )
    assert [t async for t in store.stream(1)] == [
        Tenant(id="B", identifier="B", status=TenantStatus.SUSPENDED),
        Tenant(id="b", identifier="b", tags={"tier": "gold"}),
        Tenant(id="é", identifier="é", status=TenantStatus.DELETED),
    ]
    assert await store.count() == 2
    await store.close()
