"""What a session of a tenant costs on the line, counted there, beside a plain session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from fastapi_tenancy import Tenant, TenantSessions
from houses import ACME, BOLT, TABLE, Item, config_of, schema_sessions
from wire import Wire, wired

Opening = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Work = Callable[[AsyncSession], Awaitable[Any]]
WARM = 8
"""Times something is done before it is counted: psycopg prepares what came five times."""


@pytest.fixture
async def line(url: str) -> AsyncIterator[tuple[Wire, str]]:
    async with wired(url) as found:
        yield found


async def one(session: AsyncSession) -> None:
    await session.scalars(select(Item.name).where(Item.id == 1))


async def three(session: AsyncSession) -> None:
    session.add(Item(name="x"))
    await session.commit()
    await session.scalars(select(Item.name).where(Item.id == 1))
    await session.scalar(select(func.count(Item.id)))
    await session.commit()


async def counted(wire: Wire, opening: Opening, work: Work) -> int:
    for _ in range(WARM):
        async with opening() as session:
            await work(session)
    before = wire.trips
    async with opening() as session:
        await work(session)
    return wire.trips - before


@pytest.fixture
async def plain(line: tuple[Wire, str], driver: str) -> AsyncIterator[Callable[..., Opening]]:
    """Sessions without tenants, in the schema of one; whose are the driver's arguments."""
    made = []

    def open_engine(**arguments: Any) -> Opening:
        engine = create_async_engine(
            str(config_of(line[1], driver).database_url), connect_args=arguments
        )
        made.append(engine)
        return lambda: AsyncSession(engine)

    yield open_engine
    for engine in made:
        await engine.dispose()


@pytest.mark.parametrize("way", ["search_path", "schema_translate_map"])
@pytest.mark.parametrize("work", [one, three])
async def test_no_round_trip_more_than_a_plain_session(
    line: tuple[Wire, str],
    driver: str,
    plain: Callable[..., Opening],
    way: str,
    work: Work,
    rows: Callable[[str], Any],
):
    """Two tenants in turn, so that what the one leaves has to be taken away for the other."""
    wire, address = line
    rows(TABLE.format("public"))
    unprepared = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    arguments = unprepared | {"statement_cache_size": 0} if driver == "asyncpg" else {}
    expected = await counted(wire, plain(**arguments), work)
    sessions = schema_sessions(address, driver, session_schema=way)
    tenants = [ACME, BOLT] * (WARM + 1)
    found = await counted(wire, lambda: sessions.session(tenants.pop()), work)
    await sessions.close()
    assert found == expected


async def test_what_asyncpg_pays_for_preparing_nothing(
    line: tuple[Wire, str], plain: Callable[..., Opening], driver: str, rows: Callable[[str], Any]
):
    """One round trip for each statement against a session that keeps its statements prepared."""
    wire, address = line
    rows(TABLE.format("public"))
    expected = await counted(wire, plain(), one)
    sessions = schema_sessions(address, driver)
    found = await counted(wire, lambda: sessions.session(ACME), one)
    await sessions.close()
    assert found - expected == (1 if driver == "asyncpg" else 0)


async def test_a_tenants_first_session_looks_for_its_schema(line: tuple[Wire, str], driver: str):
    wire, address = line
    sessions = schema_sessions(address, driver)
    known = await counted(wire, lambda: sessions.session(ACME), one)
    before = wire.trips
    async with sessions.session(BOLT) as session:
        await one(session)
    assert wire.trips - before == known + 1
    await sessions.close()


async def test_a_session_that_asks_nothing_costs_nothing(line: tuple[Wire, str], driver: str):
    wire, address = line
    sessions: TenantSessions = schema_sessions(address, driver)
    for tenant in (ACME, BOLT, Tenant(id="9", identifier="nobody")):
        async with sessions.session(tenant) as session:
            await session.commit()
    await sessions.close()
    assert wire.trips == 0
