"""Tenants with a database each: an engine each, within bounds for engines and connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import select, text
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.ext.asyncio import AsyncSession

from alive import alive, database
from fastapi_tenancy import Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.databases import create_database, drop_database
from houses import Item, config_of

Opener = Callable[..., TenantSessions]


@pytest.fixture
def fleet(tenancy_database: str) -> Iterator[list[Tenant]]:
    """Five tenants, whose databases hold one row each, which names them."""
    tenants = []
    for n in range(5):
        url = create_database(tenancy_database)
        tenants.append(Tenant(id=str(n), identifier=f"t{n}", database_url=DatabaseUrl(url)))
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE items (id serial PRIMARY KEY, name text)")
            connection.execute("INSERT INTO items (name) VALUES (%s)", [f"t{n}"])
    yield tenants
    for tenant in tenants:
        drop_database(str(tenant.database_url))


@pytest.fixture
async def opened(tenancy_database: str, driver: str) -> AsyncIterator[Opener]:
    made: list[TenantSessions] = []

    def open_sessions(**settings: Any) -> TenantSessions:
        config = config_of(tenancy_database, driver, **settings)
        made.append(TenantSessions(DatabaseIsolationProvider(config)))
        return made[-1]

    yield open_sessions
    for sessions in made:
        await sessions.close()
    assert alive() == []


def to_database(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


async def names(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Item.name)))


def with_driver(tenant: Tenant, driver: str) -> Tenant:
    url = str(tenant.database_url).replace("://", f"+{driver}://", 1)
    return Tenant(id=tenant.id, identifier=tenant.identifier, database_url=DatabaseUrl(url))


async def test_each_tenant_has_its_database(opened: Opener, fleet: list[Tenant], driver: str):
    sessions = opened()
    for tenant in (with_driver(t, driver) for t in fleet):
        async with sessions.session(tenant) as session:
            assert await names(session) == [tenant.identifier]
            session.add(Item(name="more"))
            await session.commit()
            assert await names(session) == [tenant.identifier, "more"]
            assert session.bind.dialect.driver == driver


async def test_a_name_by_a_template_and_the_driver_of_its_url(
    opened: Opener, fleet: list[Tenant], driver: str, tenancy_database: str
):
    own = to_database(str(fleet[0].database_url))
    template = tenancy_database.replace(to_database(tenancy_database), "{identifier}")
    sessions = opened(database_url_template=template.replace("://", f"+{driver}://", 1))
    async with sessions.session(Tenant(id="x", identifier=own)) as session:
        assert await names(session) == ["t0"]
        assert session.bind.dialect.driver == driver


async def test_the_engine_that_was_unused_longest_is_closed(opened: Opener, fleet: list[Tenant]):
    sessions = opened(session_engines=2)
    first, second, third, *_ = fleet
    async with sessions.session(first) as session:
        await names(session)
        for tenant in (second, third, second):
            async with sessions.session(tenant) as another:
                assert await names(another) == [tenant.identifier]
        await session.rollback()
        assert await names(session) == ["t0"]
    async with sessions.session(second) as session:
        await names(session)
    async with sessions.session(third) as session:
        await names(session)
    open_to = {database(connection) for connection in alive()}
    assert open_to == {to_database(str(t.database_url)) for t in (second, third)}


async def test_a_forgotten_tenant_keeps_nothing_open(opened: Opener, fleet: list[Tenant]):
    sessions = opened()
    async with sessions.session(fleet[0]) as session:
        assert await names(session) == ["t0"]
    await sessions.forget(fleet[0])
    assert alive() == []
    async with sessions.session(fleet[0]) as session:
        assert await names(session) == ["t0"]
        await sessions.forget(fleet[0])
        assert await names(session) == ["t0"]
        await session.rollback()
        assert await names(session) == ["t0"]
    assert alive() == []
    await sessions.forget(fleet[1])


async def test_a_server_has_one_budget_for_all_its_databases(opened: Opener, fleet: list[Tenant]):
    sessions = opened(session_connections=3, session_pool_size=2, session_max_overflow=0)
    most = 0

    async def use(tenant: Tenant) -> None:
        nonlocal most
        async with sessions.session(tenant) as session:
            assert await names(session) == [tenant.identifier]
            most = max(most, len(alive()))
            await session.commit()
            assert await names(session) == [tenant.identifier]

    await asyncio.gather(*(use(tenant) for tenant in fleet * 8))
    assert most == 3


async def test_a_busy_tenant_does_not_starve_others(opened: Opener, fleet: list[Tenant]):
    sessions = opened(session_connections=2, session_pool_size=2, session_max_overflow=0)
    busy, quiet, *_ = fleet
    served = False

    async def press() -> None:
        while not served:
            async with sessions.session(busy) as session:
                await session.execute(text("SELECT pg_sleep(0.005)"))

    pressing = [asyncio.create_task(press()) for _ in range(6)]
    await asyncio.wait(pressing, timeout=0.1)
    async with asyncio.timeout(20), sessions.session(quiet) as session:
        assert await names(session) == ["t1"]
    served = True
    await asyncio.gather(*pressing)


async def test_a_session_that_waits_in_vain_is_told_why(opened: Opener, fleet: list[Tenant]):
    sessions = opened(
        session_connections=1,
        session_pool_size=1,
        session_max_overflow=0,
        session_pool_timeout_s=0.05,
    )
    async with sessions.session(fleet[0]) as session:
        await names(session)
        for tenant in fleet[:2]:
            async with sessions.session(tenant) as another:
                with pytest.raises(NoConnectionError, match=r"1 of 1 to its server \(session_conn"):
                    await names(another)
    async with sessions.session(fleet[1]) as session:
        assert await names(session) == ["t1"]


async def test_whoever_gives_up_waiting_takes_nothing_along(opened: Opener, fleet: list[Tenant]):
    sessions = opened(session_connections=2, session_pool_size=1, session_max_overflow=1)

    async def use(n: int) -> None:
        async with sessions.session(fleet[n % 5]) as session:
            await session.execute(text("SELECT pg_sleep(0.001)"))

    async def impatient(n: int) -> None:
        try:
            async with asyncio.timeout(0.002 * (n % 7)):
                await use(n)
        except TimeoutError:
            pass

    for _ in range(4):
        await asyncio.gather(*(impatient(n) for n in range(40)))
        await asyncio.gather(*(use(n) for n in range(10)))
        assert len(alive()) <= 2


async def test_a_database_for_everybody_is_no_tenants(opened: Opener, tenancy_database: str):
    own = Tenant(id="1", identifier="own", database_url=DatabaseUrl(tenancy_database))
    with pytest.raises(ConfigurationError, match="which is everybody's"):
        opened().session(own)


async def test_a_driver_that_is_not_there_is_named(
    opened: Opener, fleet: list[Tenant], monkeypatch: pytest.MonkeyPatch
):
    import sys

    monkeypatch.setitem(sys.modules, "asyncpg", None)
    sessions = opened()
    with pytest.raises(ConfigurationError, match="pip install asyncpg"):
        async with sessions.session(with_driver(fleet[0], "asyncpg")):
            pass


async def test_a_database_that_is_not_there_is_told(opened: Opener):
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_connections=1)
    for number in range(3):
        tenant = Tenant(id=str(number), identifier=f"missing_{number}")
        with pytest.raises(
            PlacementError, match=f"'tenant_missing_{number}' is not there.*--create"
        ):
            async with sessions.session(tenant) as session:
                await session.execute(text("SELECT 1"))
