"""With a schema per tenant, whatever a session does is done in its tenant's schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from fastapi_tenancy import SchemaIsolationProvider, Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError, PlacementError, TenancyError
from houses import ACME, BOLT, Item, config_of

Rows = Callable[[str], list[tuple[Any, ...]]]
WAYS = ("search_path", "schema_translate_map")


async def names(session: AsyncSession) -> list[str]:
    return sorted(await session.scalars(select(Item.name)))


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_written_and_read_is_the_tenants(
    opened: Callable[..., TenantSessions], way: str, rows: Rows
):
    sessions = opened(session_schema=way)
    async with sessions.session(ACME) as session:
        session.add(Item(name="anvil"))
        await session.commit()
        assert await names(session) == ["acme", "anvil"]
        await session.execute(insert(Item), [{"name": "rope"}, {"name": "wire"}])
        await session.commit()
        assert await names(session) == ["acme", "anvil", "rope", "wire"]
    async with sessions.session(BOLT) as session:
        assert await names(session) == ["bolt"]
    assert rows("SELECT count(*) FROM tenant_acme.items") == [(4,)]
    assert rows("SELECT count(*) FROM tenant_bolt.items") == [(1,)]


@pytest.mark.parametrize("way", WAYS)
async def test_many_rows_may_come_first(opened: Callable[..., TenantSessions], way: str):
    sessions = opened(session_schema=way)
    async with sessions.session(BOLT) as session:
        connection = await session.connection()
        await connection.execute(insert(Item), [{"name": "a"}, {"name": "b"}])
        await session.commit()
        assert await names(session) == ["a", "b", "bolt"]


@pytest.mark.parametrize("way", WAYS)
async def test_savepoints_streams_and_synchronous_work(
    opened: Callable[..., TenantSessions], way: str
):
    sessions = opened(session_schema=way)
    async with sessions.session(ACME) as session, session.begin():
        undone = await session.begin_nested()
        await session.execute(insert(Item), {"name": "undone"})
        await undone.rollback()
        async with session.begin_nested():
            session.add(Item(name="kept"))
        streamed = [row async for row in await session.stream_scalars(select(Item.name))]
        assert sorted(streamed) == ["acme", "kept"]
        assert await session.run_sync(lambda s: s.query(Item).count()) == 2
        connection = await session.connection()
        assert len((await connection.execute(select(Item))).all()) == 2


async def test_text_and_the_drivers_connection_are_aimed_by_the_search_path(
    sessions: TenantSessions,
):
    async with sessions.session(BOLT) as session:
        connection = await session.connection()
        found = await connection.exec_driver_sql("SELECT name FROM items")
        assert found.scalars().all() == ["bolt"]
        await session.commit()
        raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        await raw.execute("INSERT INTO items (name) VALUES ('raw')")
        await session.commit()
        assert await names(session) == ["bolt", "raw"]


async def test_sessions_of_several_tenants_at_once(sessions: TenantSessions):
    async with sessions.session(ACME) as acme, sessions.session(BOLT) as bolt:
        async with sessions.session(ACME) as another:
            another.add(Item(name="anvil"))
            await another.commit()
        assert await names(acme) == ["acme", "anvil"]
        assert await names(bolt) == ["bolt"]


async def test_an_exception_rolls_back(sessions: TenantSessions, rows: Rows):
    async def fail() -> None:
        async with sessions.session(ACME) as session:
            session.add(Item(name="anvil"))
            await session.flush()
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert rows("SELECT name FROM tenant_acme.items") == [("acme",)]


async def test_shared_tables_have_sessions_of_no_tenant(sessions: TenantSessions, rows: Rows):
    rows("CREATE TABLE plans (name text); INSERT INTO plans VALUES ('gold')")
    async with sessions.session(ACME) as session:
        await session.execute(text("SELECT 1"))
    async with sessions.common() as session:
        assert await session.scalar(text("SELECT name FROM plans")) == "gold"
        assert await session.scalar(text("SELECT current_schema()")) == "public"


@pytest.mark.parametrize("way", WAYS)
async def test_a_missing_schema_is_not_looked_over(
    opened: Callable[..., TenantSessions], way: str, rows: Rows
):
    """PostgreSQL would go on to public, and find tables of the same names there."""
    rows("CREATE TABLE items (id int, name text); INSERT INTO items VALUES (1, 'x')")
    crux, sessions = Tenant(id="3", identifier="crux"), opened(session_schema=way)
    for _ in range(2):
        with pytest.raises(PlacementError, match=r"'crux' has no schema 'tenant_crux'.*--create"):
            async with sessions.session(crux) as session:
                await session.execute(select(Item))
    rows("CREATE SCHEMA tenant_crux; CREATE TABLE tenant_crux.items (id int, name text)")
    async with sessions.session(crux) as session:
        assert await names(session) == []
    rows("DROP SCHEMA tenant_crux CASCADE")
    await sessions.forget(crux)
    with pytest.raises(PlacementError, match="'crux' has no schema"):
        async with sessions.session(crux) as session:
            await session.execute(select(Item))


async def test_autocommit_is_refused_where_it_would_miss_the_tenant(sessions: TenantSessions):
    with pytest.raises(ConfigurationError, match="'acme' cannot use the isolation level"):
        async with sessions.session(ACME) as session:
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    async with sessions.session(ACME) as session:
        assert await names(session) == ["acme"]


async def test_other_isolation_levels_are_kept(sessions: TenantSessions):
    async with sessions.session(ACME) as session:
        options = {"isolation_level": "REPEATABLE READ"}
        await session.connection(execution_options=options)
        assert await session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert await names(session) == ["acme"]
        await session.rollback()
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        assert await session.scalar(text("SHOW transaction_isolation")) == "serializable"


@pytest.mark.parametrize(
    "ended",
    [
        *("COMMIT", "ROLLBACK", "END", "/* so */ commit AND CHAIN", "ROLLBACK AND CHAIN"),
        *("SELECT 1; ABORT", "COMMIT; BEGIN"),
        "COMMIT; INSERT INTO items (name) VALUES ('astray')",
    ],
)
async def test_a_text_that_would_end_the_transaction_is_not_sent(
    sessions: TenantSessions, ended: str, rows: Rows
):
    rows("CREATE TABLE items (id int, name text)")
    async with sessions.session(ACME) as session:
        session.add(Item(name="anvil"))
        await session.flush()
        with pytest.raises(TenancyError, match=r"would end its transaction .*session\.commit\(\)"):
            await session.execute(text(ended))
        async with session.begin_nested():
            session.add(Item(name="rope"))
        assert await names(session) == ["acme", "anvil", "rope"]
    async with sessions.session(ACME) as session:
        assert await names(session) == ["acme"]
    assert rows("SELECT * FROM items") == []


async def test_a_transaction_that_the_driver_has_ended_is_not_gone_on_with(
    sessions: TenantSessions, rows: Rows
):
    rows("CREATE TABLE items (id int, name text)")
    for ended in ("COMMIT", "ROLLBACK"):
        async with sessions.session(ACME) as session:
            raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
            await session.execute(text("SELECT 1"))
            await raw.execute(ended)
            with pytest.raises(TenancyError, match=r"session\.commit\(\)"):
                await session.execute(text("INSERT INTO items (name) VALUES ('astray')"))
    assert rows("SELECT * FROM items") == []


@pytest.mark.parametrize("sql", ["CALL public.settle()", "DO $$ BEGIN COMMIT; END $$"])
async def test_procedures_cannot_end_the_transaction(
    sessions: TenantSessions, sql: str, rows: Rows
):
    """PostgreSQL refuses it, because BEGIN has opened the transaction."""
    rows("CREATE PROCEDURE settle() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$")
    async with sessions.session(ACME) as session:
        with pytest.raises(DBAPIError, match="invalid transaction termination"):
            await session.execute(text(sql))
        await session.rollback()
        assert await names(session) == ["acme"]


async def test_names_are_quoted(opened: Callable[..., TenantSessions], rows: Rows):
    odd = Tenant(id="9", identifier="odd", schema_name="o'; \"D\\ROP")
    quoted = '"o\'; ""D\\ROP"'
    rows(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.items (id int, name text)")
    async with opened().session(odd) as session:
        session.add(Item(id=1, name="one"))
        await session.commit()
        assert await names(session) == ["one"]
    assert rows(f"SELECT name FROM {quoted}.items") == [("one",)]


async def test_a_connection_that_was_refused_once_is_refused_again(
    sessions: TenantSessions, rows: Rows
):
    """SQLAlchemy would go on with it, in whatever schema comes."""
    rows("CREATE TABLE items (id int, name text)")
    add = text("INSERT INTO items (name) VALUES ('astray')")
    async with (
        sessions.engine(Tenant(id="3", identifier="crux")) as engine,
        engine.connect() as connection,
    ):
        with pytest.raises(PlacementError):
            await connection.execute(add)
        with pytest.raises(TenancyError, match="could not be turned to the tenant 'crux'"):
            await connection.execute(add)
    async with sessions.session(ACME) as session:
        assert await names(session) == ["acme"]
    assert rows("SELECT * FROM items") == []


async def test_two_phases_are_refused(sessions: TenantSessions):
    async with sessions.engine(ACME) as engine:
        session = AsyncSession(engine, twophase=True)
        with pytest.raises(ConfigurationError, match="cannot commit in two phases"):
            await session.execute(select(Item))
        await session.close()


async def test_sessions_of_ones_own_making(url: str, driver: str):
    made: list[AsyncSession] = []

    class Own(AsyncSession):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            made.append(self)

    config = config_of(url, driver)
    sessions = TenantSessions(
        SchemaIsolationProvider(config), maker=async_sessionmaker(class_=Own, autoflush=False)
    )
    async with sessions.session(BOLT) as session:
        assert made == [session]
        assert not session.autoflush
        assert await names(session) == ["bolt"]
    async with sessions.engine(BOLT) as engine, AsyncSession(engine) as session:
        assert await names(session) == ["bolt"]
    await sessions.close()
