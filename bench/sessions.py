"""Benchmark of sessions: one transaction of a tenant's session, against that of a plain one."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, contextmanager
from itertools import cycle
from typing import Any

import psycopg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.finding import Finding, times_faster
from bench.races import Race, run_race
from bench.sizes import Size
from fastapi_tenancy import SchemaIsolationProvider, TenancyConfig, Tenant, TenantSessions
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database

Opening = Callable[[], AbstractAsyncContextManager[AsyncSession]]

_TENANTS = 20
_DATABASES = 5
_ROLE = "bench_application"
_TABLE = """
CREATE TABLE {0}.items (id int PRIMARY KEY, tenant_id text, name text);
INSERT INTO {0}.items SELECT n, (n % {1})::text, 'item' FROM generate_series(1, 200) n;
"""
_POLICY = f"""
CREATE POLICY own ON items USING (tenant_id = current_setting('app.tenant_id', true));
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE ROLE {_ROLE}; GRANT ALL ON items TO {_ROLE};
"""
_GOALS = {"psycopg": 0.75, "asyncpg": 0.6}
"""asyncpg pays for preparing each statement anew; psycopg asks for nothing more."""


class Base(DeclarativeBase):
    """What the models share."""


class Item(Base):
    """A row of whoever the session is of."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def sessions_opened(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """Open a session, read a row by its key, commit; the tenants in turn, with each strategy."""
    with _places(server) as places, asyncio.Runner() as runner:
        closing = AsyncExitStack()
        openings = {
            f"{driver}, {name}": opening
            for driver in _GOALS
            for name, opening in _contenders(places, driver, closing).items()
        }
        race: Race = {
            name: lambda opening=opening: runner.run(_turn(opening, size.sessions))  # type: ignore[misc]
            for name, opening in openings.items()
        }
        found = run_race(race, size.rounds)
        runner.run(closing.aclose())
    return [
        times_faster(
            "sessions",
            f"a tenant's session, {name}",
            "a plain session",
            found[name],
            found[f"{driver}, plain"],
            goal=goal,
        )
        for driver, goal in _GOALS.items()
        for name in openings
        if name.startswith(driver) and not name.endswith("plain")
    ]


async def _turn(opening: Opening, count: int) -> float:
    """Milliseconds of one transaction, the session's beginning and end included."""
    gc.collect()
    started = time.perf_counter()
    for _ in range(count):
        async with opening() as session:
            await session.scalars(select(Item.name).where(Item.id == 1))
            await session.commit()
    return (time.perf_counter() - started) * 1000 / count


def _contenders(
    places: Mapping[str, str], driver: str, closing: AsyncExitStack
) -> dict[str, Opening]:
    def tenants(provider: Any, place: str, turns: list[Tenant], **settings: Any) -> Opening:
        url = places[place].replace("://", f"+{driver}://", 1)
        sessions = TenantSessions(provider(TenancyConfig(database_url=url, **settings)))
        closing.push_async_callback(sessions.close)
        turn = cycle(turns)
        return lambda: sessions.session(next(turn))

    engine = create_async_engine(places["schemas"].replace("://", f"+{driver}://", 1))
    closing.push_async_callback(engine.dispose)
    fleet = [Tenant(id=str(n), identifier=f"t{n}") for n in range(_TENANTS)]
    own = [
        Tenant(id=name, identifier=name, database_url=DatabaseUrl(url))
        for name, url in places.items()
        if name.startswith("own")
    ]
    by_map = {"session_schema": "schema_translate_map"}
    return {
        "plain": lambda: AsyncSession(engine, expire_on_commit=False),
        "search_path": tenants(SchemaIsolationProvider, "schemas", fleet),
        "translate map": tenants(SchemaIsolationProvider, "schemas", fleet, **by_map),
        "rls": tenants(RLSIsolationProvider, "shared", fleet, rls_role=_ROLE),
        "database": tenants(DatabaseIsolationProvider, "schemas", own),
    }


@contextmanager
def _places(server: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """A database of schemas, one of shared tables, and some that are a tenant's each."""
    names = ["schemas", "shared", *(f"own{n}" for n in range(_DATABASES))]
    with ExitStack() as after:
        places = {}
        for name in names:
            places[name] = str(create_database(server.url()))
            after.callback(drop_database, places[name])
            _run(places[name], _TABLE.format("public", _TENANTS))
        _run(places["shared"], _POLICY)
        after.callback(_run, server.url(), f"DROP ROLE {_ROLE}")
        after.callback(_run, places["shared"], f"DROP OWNED BY {_ROLE}")
        for n in range(_TENANTS):
            schema = f"tenant_t{n}"
            _run(places["schemas"], f"CREATE SCHEMA {schema};" + _TABLE.format(schema, _TENANTS))
        yield places


def _run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())
