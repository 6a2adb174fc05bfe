"""The table of a catalogue: made once, shared with care, never showing a password."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError, TenantExistsError
from fastapi_tenancy.model.tenant import NO_TAGS, Tenant, TenantStatus
from fastapi_tenancy.model.url import DatabaseUrl, driver_free
from fastapi_tenancy.storage import postgres, sqlalchemy
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

Sql = Callable[[str], None]


def chain(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_the_documented_door_opens() -> None:
    assert postgres.SQLAlchemyTenantStore is sqlalchemy.SQLAlchemyTenantStore


async def test_without_a_url_the_catalogue_is_a_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SQLAlchemyTenantStore()
    await store.initialize()
    await store.create(Tenant(id="1", identifier="a"))
    await store.close()
    assert (tmp_path / "tenancy.db").stat().st_size > 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_many_initialize_at_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    if kind == "postgresql":
        url = request.getfixturevalue("tenancy_database")
    stores = [SQLAlchemyTenantStore(url) for _ in range(8)]
    await asyncio.gather(*(store.initialize() for store in stores))
    for number, store in enumerate(stores):
        await store.create(Tenant(id=str(number), identifier=str(number)))
        await store.close()
    assert await stores[0].count() == 8
    await stores[0].close()


async def test_a_reader_may_initialize_a_complete_catalogue(
    tenancy_database: str, sql: Sql
) -> None:
    owner = SQLAlchemyTenantStore(tenancy_database)
    await owner.initialize()
    await owner.close()
    sql("ALTER TABLE tenants OWNER TO pg_monitor")
    sql("GRANT SELECT ON tenants TO pg_read_all_settings")
    reader = SQLAlchemyTenantStore(
        f"{tenancy_database}{'&' if '?' in tenancy_database else '?'}"
        "options=-c%20role%3Dpg_read_all_settings"
    )
    await reader.initialize()
    assert await reader.count() == 0
    with pytest.raises(ConfigurationError, match="permission denied"):
        await reader.create(Tenant(id="1", identifier="a"))
    await reader.close()


async def test_somebody_elses_table_is_left_alone(tenancy_database: str, sql: Sql) -> None:
    sql("CREATE TABLE tenants (id int, name text)")
    store = SQLAlchemyTenantStore(tenancy_database)
    with pytest.raises(ConfigurationError, match=r"lacks identifier, .* tenants_query"):
        await store.initialize()
    with pytest.raises(ConfigurationError, match="refused: "):
        await store.list()
    await store.close()
    with psycopg.connect(driver_free(tenancy_database)) as connection:
        columns = connection.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'tenants'"
        )
        assert columns.fetchone() == (2,)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_rows_written_by_hand_are_tenants(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    if kind == "postgresql":
        url = request.getfixturevalue("tenancy_database")
    store = SQLAlchemyTenantStore(url)
    await store.initialize()
    hand = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(tmp_path / "c.db"))
    if kind == "postgresql":
        plain = driver_free(url)
        hand = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(plain))
    with hand.begin() as connection:
        for number in range(5):
            connection.exec_driver_sql(
                f"INSERT INTO tenants (id, identifier) VALUES ('{number}', 't{number}')"
            )
        connection.exec_driver_sql(
            "UPDATE tenants SET tags = '{\"seats\": 5}', status = 'Suspended' WHERE id = '4'"
        )
    hand.dispose()
    await store.create(Tenant(id="5", identifier="t5"))
    seen = [t async for t in store.stream(batch=2)]
    assert [t.id for t in seen] == ["0", "1", "2", "3", "4", "5"]
    assert seen[0].created_at is not None
    assert seen[0].created_at.utcoffset() is not None
    assert seen[0].tags is NO_TAGS
    assert seen[4].tags == {"seats": "5"}
    assert seen[4].status is TenantStatus.SUSPENDED
    await store.close()


async def test_sqlite_refuses_a_time_that_would_be_lost_between_pages(tmp_path: Path) -> None:
    store = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db")
    await store.initialize()
    await store.close()
    connection = sqlite3.connect(tmp_path / "c.db")
    with pytest.raises(sqlite3.IntegrityError, match="tenants_created_at_form"):
        connection.execute(
            "INSERT INTO tenants (id, identifier, created_at) VALUES ('1', 'a', CURRENT_TIMESTAMP)"
        )
    connection.close()


async def test_a_status_nobody_knows_is_said(tenancy_database: str, sql: Sql) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    sql("INSERT INTO tenants (id, identifier, status) VALUES ('1', 'a', 'trial')")
    with pytest.raises(ConfigurationError, match="status of tenant 'a' is 'trial'; expected one"):
        await store.get_by_id("1")
    await store.close()


async def test_equal_tags_are_one_mapping(tenancy_database: str) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    for number in range(3):
        tags = {"tier": "gold", "region": "eu"}
        await store.create(Tenant(id=str(number), identifier=str(number), tags=tags))
    first, *others = await store.list()
    assert all(other.tags is first.tags for other in others)
    with pytest.raises(TypeError):
        first.tags["tier"] = "silver"  # type: ignore[index]
    await store.close()


async def test_no_statement_is_prepared_on_the_server(tenancy_database: str) -> None:
    # A prepared statement would be missed, or met by a stranger, behind PgBouncer.
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    for _ in range(10):
        await store.count()
    prepared = await store._database.run(
        lambda c: c.execute(sa.text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    )
    await store.close()
    assert prepared == 0


async def test_the_connections_are_few(tenancy_database: str) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    most = await asyncio.gather(*(store._database.run(_connections) for _ in range(20)))
    await store.close()
    assert 1 < max(most) <= CatalogueDatabase.MAX_CONNECTIONS


def _connections(connection: sa.Connection) -> int:
    counted = connection.execute(
        sa.text(
            "SELECT count(*), pg_sleep(0.02) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'fastapi-tenancy'"
        )
    )
    return int(counted.scalar_one())


async def test_a_duplicate_never_shows_a_password(tenancy_database: str) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    url = DatabaseUrl("postgresql://u:geheim@h/db")
    tenant = await store.create(Tenant(id="1", identifier="a", database_url=url))
    with pytest.raises(TenantExistsError) as duplicate:
        await store.create(replace(tenant, id="2"))
    await store._database.run(
        lambda c: c.execute(sa.text("ALTER TABLE tenants ADD CHECK (name <> 'bad')"))
    )
    with pytest.raises(ConfigurationError, match="refused tenant 'b'") as refused:
        await store.create(Tenant(id="3", identifier="b", name="bad", database_url=url))
    await store._database.run(
        lambda c: c.execute(sa.text("ALTER TABLE tenants ALTER name TYPE varchar(3)"))
    )
    with pytest.raises(ConfigurationError, match="too long") as answered:
        await store.create(Tenant(id="3", identifier="b", name="long", database_url=url))
    await store.close()
    for error in (duplicate, refused, answered):
        assert "geheim" not in chain(error.value)


async def test_an_unreachable_server_is_said_without_the_password(tenancy_database: str) -> None:
    head, _, tail = driver_free(tenancy_database).rpartition("/")
    query = tail.partition("?")[2]
    for url, told in (
        ("postgresql+asyncpg://u:geheim@127.0.0.1:1/db", "refused"),
        (f"{head}/nowhere?password=geheim&{query}", 'database "nowhere" does not exist'),
    ):
        store = SQLAlchemyTenantStore(url, connect_timeout_s=2)
        with pytest.raises(ServerUnreachableError, match=told) as caught:
            await store.initialize()
        await store.close()
        assert "geheim" not in chain(caught.value)
        assert "catalogue_url" in str(caught.value)


async def test_an_argument_libpq_does_not_take_is_said_without_the_password() -> None:
    store = SQLAlchemyTenantStore("postgresql://u:geheim@h/db?schema=x")
    with pytest.raises(ConfigurationError, match="schema") as caught:
        await store.initialize()
    await store.close()
    assert "geheim" not in chain(caught.value)


async def test_a_file_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    store = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/no/such/c.db")
    with pytest.raises(ServerUnreachableError, match="cannot be opened: "):
        await store.initialize()
    await store.close()


async def test_a_catalogue_that_was_never_made_is_said(tmp_path: Path) -> None:
    store = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db")
    with pytest.raises(ConfigurationError, match=r"no list of tenants.*tenancy tenants add"):
        await store.list()
    await store.close()


async def test_a_lost_connection_is_replaced(tenancy_database: str, sql: Sql) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert await store.count() == 0
    await store.close()


async def test_the_event_loop_goes_on_while_the_database_works(tenancy_database: str) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    released = asyncio.Event()

    def blocked(connection: sa.Connection) -> None:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
        loop.call_soon_threadsafe(holding.set)
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result(20)

    loop, holding = asyncio.get_running_loop(), asyncio.Event()
    work = asyncio.create_task(store._database.run(blocked))
    await asyncio.wait_for(holding.wait(), 20)
    assert await store.count() == 0
    assert not work.done()
    released.set()
    await work
    await store.close()


def test_the_tags_in_the_table_are_json(tmp_path: Path) -> None:
    store = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db")

    async def write() -> None:
        await store.initialize()
        await store.create(Tenant(id="1", identifier="a", tags={"tier": "gold"}))
        await store.close()

    asyncio.run(write())
    connection = sqlite3.connect(tmp_path / "c.db")
    (text,) = connection.execute("SELECT tags FROM tenants").fetchone()
    connection.close()
    assert json.loads(text) == {"tier": "gold"}
