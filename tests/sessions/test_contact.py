"""Sessions for requests: an outage of the tenant's place is told from errors of the work itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from fastapi_tenancy import TenancyConfig, Tenant, TenantSessions
from fastapi_tenancy.errors import TenantUnavailableError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.model.url import DatabaseUrl, database_of
from fastapi_tenancy.sessions.silence import Silence
from fastapi_tenancy.testing.databases import create_database, drop_database
from houses import ACME, config_of

Work = Callable[[AsyncSession], Awaitable[object]]
Rows = list[tuple[Any, ...]]
PID = text("SELECT pg_backend_pid()")
READ = text("SELECT name FROM items")


@pytest.fixture
def own(tenancy_database: str, driver: str) -> Iterator[Tenant]:
    """A tenant with a database of its own."""
    url = create_database(tenancy_database)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE items (id serial PRIMARY KEY, name text)")
    address = url.replace("://", f"+{driver}://", 1)
    yield Tenant(id="9", identifier="own", database_url=DatabaseUrl(address))
    drop_database(url)


@pytest.fixture
async def houses(tenancy_database: str, driver: str) -> AsyncIterator[TenantSessions]:
    """Sessions of tenants with a database each."""
    config = config_of(tenancy_database, driver, connect_timeout_s=2)
    made = TenantSessions(DatabaseIsolationProvider(config))
    yield made
    await made.close()


def at(tenant: Tenant, url: str, driver: str) -> Tenant:
    address = DatabaseUrl(url.replace("://", f"+{driver}://", 1))
    return Tenant(id=tenant.id, identifier=tenant.identifier, database_url=address)


def named(tenant: Tenant) -> str:
    """The name of a tenant's own database."""
    return database_of(str(tenant.database_url))


async def outage(sessions: TenantSessions, tenant: Tenant, work: Work | None = None):
    with pytest.raises(TenantUnavailableError) as caught:
        async with sessions.serving(tenant) as session:
            await (work(session) if work else session.execute(PID))
    assert f"the tenant {tenant.identifier!r} cannot be served: " in str(caught.value)
    return caught.value


async def own_error(sessions: TenantSessions, work: Work, kind: type[Exception], told: str) -> None:
    """The work fails with an error of its own."""
    with pytest.raises(kind, match=told):
        async with sessions.serving(ACME) as session:
            await work(session)


async def each(session: AsyncSession, sql: str) -> None:
    for statement in sql.split(";"):
        await session.execute(text(statement))


async def test_a_server_that_refuses(houses: TenantSessions, own: Tenant, driver: str):
    away = at(own, "postgresql://u:geheim@127.0.0.1:1/shop", driver)
    error = await outage(houses, away)
    assert error.retry_after_s == 1
    assert "127.0.0.1" in str(error)
    assert "geheim" not in str(error)


async def test_a_database_that_is_not_there_any_more(
    houses: TenantSessions, own: Tenant, tenancy_database: str
):
    async with houses.serving(own) as session:
        await session.execute(READ)
    name = named(own)
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
    error = await outage(houses, own)
    assert error.retry_after_s == 5
    assert f"the database '{name}' is not there" in str(error)


async def test_a_server_without_a_free_connection(
    houses: TenantSessions, own: Tenant, tenancy_database: str, driver: str
):
    name = named(own)
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT 0'.encode())
    try:
        parts = conninfo_to_dict(tenancy_database)
        host = str(parts["host"]).replace("/", "%2F")
        url = f"postgresql://{name}@/{name}?host={host}&port={parts.get('port', 5432)}"
        error = await outage(houses, at(own, url, driver))
        assert "too many connections for role" in str(error)
    finally:
        with psycopg.connect(tenancy_database, autocommit=True) as connection:
            connection.execute(f'DROP ROLE "{name}"'.encode())


async def test_a_silent_server_holds_up_one_session_and_then_no_other(
    houses: TenantSessions, own: Tenant, driver: str
):
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    silent = at(ACME, f"postgresql://u@127.0.0.1:{port}/shop", driver)
    first = asyncio.create_task(outage(houses, silent))
    begun = time.monotonic()
    while not first.done():  # others are served meanwhile
        async with asyncio.timeout(1), houses.serving(own) as session:
            await session.execute(READ)
        await asyncio.sleep(0.05)
    assert time.monotonic() - begun > 1
    assert (await first).retry_after_s == 1
    begun = time.monotonic()
    again = await outage(houses, silent)
    assert time.monotonic() - begun < 0.5
    assert "is left alone" in str(again)
    server.close()


def test_one_at_a_time_asks_a_silent_place_again():
    now = 0.0
    silence = Silence(LookupError, clock=lambda: now)
    with suppress(TimeoutError), silence.broken():
        now += 3
        raise TimeoutError("no answer")
    with pytest.raises(LookupError, match="left alone: no answer"), silence.broken():
        pass
    now += 1.5
    with silence.broken(), pytest.raises(LookupError), silence.broken():
        pass  # somebody asks already
    with silence.broken(), silence.broken():  # it has answered: everybody may
        pass
    with pytest.raises(ConnectionRefusedError), silence.broken():
        raise ConnectionRefusedError
    with silence.broken():  # a refusal that came at once holds up nobody
        pass


async def test_a_schema_that_is_not_there(sessions: TenantSessions):
    error = await outage(sessions, Tenant(id="3", identifier="crux"))
    assert "has no schema 'tenant_crux'" in str(error)
    assert error.retry_after_s == 5


async def test_a_schema_that_is_dropped_after_it_was_found(
    sessions: TenantSessions, rows: Callable[[str], Rows]
):
    async with sessions.serving(ACME) as session:
        await session.execute(READ)
        await session.rollback()
        with pytest.raises(ProgrammingError):
            await session.execute(text("SELECT * FROM tables_of_nobody"))
    with pytest.raises(ProgrammingError, match="tables_of_nobody"):
        async with sessions.serving(ACME) as session:
            await session.execute(text("SELECT * FROM tables_of_nobody"))
    rows("DROP SCHEMA tenant_acme CASCADE")
    error = await outage(sessions, ACME, lambda session: session.execute(READ))
    assert "has no schema 'tenant_acme'" in str(error)


async def test_a_place_that_is_another_tenants(sessions: TenantSessions):
    async with sessions.serving(ACME) as session:
        await session.execute(READ)
    thief = Tenant(id="7", identifier="thief", schema_name="tenant_acme")
    assert "is that of tenant 'acme'" in str(await outage(sessions, thief))


async def test_a_role_that_is_taken_away_is_missed_when_the_transaction_begins(
    tenancy_database: str, driver: str
):
    role = f"{conninfo_to_dict(tenancy_database)['dbname']}_app"
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}"'.encode())
        config = config_of(tenancy_database, driver, rls_role=role)
        sessions = TenantSessions(RLSIsolationProvider(config))
        async with sessions.serving(ACME) as session:
            await session.execute(PID)
        connection.execute(f'DROP ROLE "{role}"'.encode())
        assert f'role "{role}" does not exist' in str(await outage(sessions, ACME))
    await sessions.close()


async def test_a_pool_that_is_used_up(opened: Callable[..., TenantSessions]):
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_pool_timeout_s=0.05)
    async with sessions.serving(ACME) as session:
        await session.execute(PID)
        error = await outage(sessions, ACME)
    assert "no connection became free within 0.05 s" in str(error)


@pytest.mark.parametrize("kept", [False, True])
async def test_a_line_that_is_lost(
    sessions: TenantSessions, rows: Callable[[str], Rows], kept: bool
):
    async def work(session: AsyncSession) -> None:
        if kept:
            await session.execute(text("INSERT INTO items (name) VALUES ('anvil')"))
            await session.commit()
        pid = await session.scalar(PID)
        rows(f"SELECT pg_terminate_backend({pid}, 5000)")
        await session.execute(READ)

    error = await outage(sessions, ACME, work)
    assert isinstance(error.__cause__, DBAPIError)
    assert error.retry_after_s == (None if kept else 1)
    async with sessions.serving(ACME) as session:
        await session.execute(READ)


async def test_a_line_that_is_lost_while_it_commits(
    sessions: TenantSessions, rows: Callable[[str], Rows]
):
    async def work(session: AsyncSession) -> None:
        await session.execute(text("INSERT INTO items (name) VALUES ('anvil')"))
        rows(f"SELECT pg_terminate_backend({await session.scalar(PID)}, 5000)")
        await session.commit()

    assert (await outage(sessions, ACME, work)).retry_after_s is None


def its_own() -> dict[str, tuple[type[Exception], str]]:
    return {
        "SELECT nothing": (ProgrammingError, "does not exist"),
        "INSERT INTO items (id) VALUES (1)": (IntegrityError, "duplicate key"),
        "SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)": (DBAPIError, "statement timeout"),
        "SET LOCAL lock_timeout = 10; LOCK TABLE items": (DBAPIError, "lock timeout"),
        "SELECT 1/0": (DBAPIError, "division by zero"),
    }


@pytest.mark.parametrize("sql", its_own())
async def test_what_a_statement_does_wrong_stays_its_own(
    sessions: TenantSessions, url: str, sql: str
):
    kind, told = its_own()[sql]
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE tenant_acme.items IN ROW SHARE MODE")
        await own_error(sessions, lambda session: each(session, sql), kind, told)


async def test_whoever_holds_a_transaction_for_too_long_has_itself_to_blame(
    sessions: TenantSessions, rows: Callable[[str], Rows], driver: str
):
    async def dawdle(session: AsyncSession) -> None:
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 20"))
        pid = await session.scalar(PID)
        while rows(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
            await asyncio.sleep(0)
        await session.execute(READ)

    if driver == "asyncpg":  # which does not tell why a line was closed
        await outage(sessions, ACME, dawdle)
    else:
        await own_error(sessions, dawdle, DBAPIError, "idle-in-transaction")


async def test_another_database_of_the_application_is_not_the_tenants(
    sessions: TenantSessions, driver: str
):
    billing = create_async_engine(f"postgresql+{driver}://u@127.0.0.1:1/billing")
    with pytest.raises((OperationalError, OSError)):
        async with sessions.serving(ACME) as session, billing.connect():
            await session.execute(READ)
    await billing.dispose()


async def test_what_the_work_catches_is_its_own(
    sessions: TenantSessions, rows: Callable[[str], Rows]
):
    async def work(session: AsyncSession) -> None:
        rows(f"SELECT pg_terminate_backend({await session.scalar(PID)}, 5000)")
        try:
            await session.execute(READ)
        except DBAPIError as error:
            raise LookupError("nothing was read") from error

    await own_error(sessions, work, LookupError, "nothing was read")


async def test_a_file_that_is_missing_or_none(tmp_path: Path):
    config = TenancyConfig(database_url=f"sqlite:///{tmp_path / 'common.db'}")
    sessions = TenantSessions(DatabaseIsolationProvider(config))
    path = tmp_path / "tenant_acme.db"
    assert f"has no file '{path}'" in str(await outage(sessions, ACME))
    path.write_bytes(b"no database" * 1000)
    garbage = await outage(sessions, ACME, lambda session: session.execute(READ))
    assert "file is not a database" in str(garbage)
    await sessions.close()
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE items (name text)")
    missing = "SELECT * FROM things"
    await own_error(sessions, lambda session: each(session, missing), OperationalError, "no such")
    with connection:
        connection.execute("BEGIN EXCLUSIVE")
        busy = "PRAGMA busy_timeout = 10; INSERT INTO items VALUES ('anvil')"
        await own_error(sessions, lambda session: each(session, busy), OperationalError, "locked")
    connection.close()
    await sessions.close()
