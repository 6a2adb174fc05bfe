"""What the documentation's table says a strategy does, seen from inside a revision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from fastapi_tenancy import MigrationManager, TenancyConfig, Tenant
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import create_database, drop_database
from notes_history import write_revision

LOOK = """
    url = op.get_context().config.get_main_option("sqlalchemy.url")
    op.create_table("seen", sa.Column("url", sa.Text), sa.Column("path", sa.Text))
    op.get_bind().execute(
        sa.text("INSERT INTO seen VALUES (:url, current_setting('search_path'))"), {"url": url}
    )
"""
Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def own(tenancy_database: str) -> Iterator[str]:
    """A database of a tenant's own."""
    url = create_database(tenancy_database)
    yield str(url)
    drop_database(url)


async def migrated(config: TenancyConfig, tenants: list[Tenant]) -> None:
    manager = MigrationManager("alembic.ini", open_isolation(config))
    results = await manager.upgrade_all_tenants(tenants)
    assert (results["success"], results["total"]) == (len(tenants), len(tenants)), results


def seen(url: str, table: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT * FROM {table}".encode()).fetchall()


def leads_to(url: str, database: str) -> bool:
    return make_url(url).database == make_url(database).database


@pytest.fixture
def looking(folder: Path) -> None:
    write_revision(folder, "r4", "r3", LOOK, "pass")


@pytest.mark.anyio
@pytest.mark.usefixtures("looking")
async def test_schema_sets_the_search_path_of_each(
    config: TenancyConfig, tenants: list[Tenant], tenancy_database: str
) -> None:
    await migrated(config, tenants)
    for n in range(6):
        ((_, path),) = seen(tenancy_database, f"tenant_shop_{n}.seen")
        assert path.split(",")[0].strip('"') == f"tenant_shop_{n}"


@pytest.mark.anyio
@pytest.mark.usefixtures("looking")
async def test_database_sets_the_url_of_each(tenancy_database: str, own: str) -> None:
    config = TenancyConfig(
        database_url=tenancy_database, isolation_strategy=IsolationStrategy.DATABASE
    )
    await migrated(config, [Tenant(id="1", identifier="one", database_url=DatabaseUrl(own))])
    ((url, _),) = seen(own, "seen")
    assert leads_to(url, own)


@pytest.mark.anyio
@pytest.mark.usefixtures("looking")
async def test_rls_migrates_what_is_shared_once(
    tenancy_database: str, tenants: list[Tenant]
) -> None:
    config = TenancyConfig(database_url=tenancy_database, isolation_strategy=IsolationStrategy.RLS)
    await migrated(config, tenants)
    assert len(seen(tenancy_database, "seen")) == 1


@pytest.mark.anyio
@pytest.mark.usefixtures("looking")
async def test_hybrid_delegates_to_the_strategy_of_the_tier(
    tenancy_database: str, tenants: list[Tenant], own: str
) -> None:
    config = TenancyConfig(
        database_url=tenancy_database,
        isolation_strategy=IsolationStrategy.HYBRID,
        premium_isolation_strategy=IsolationStrategy.DATABASE,
        standard_isolation_strategy=IsolationStrategy.SCHEMA,
        premium_tenants=["gold"],
    )
    gold = Tenant(id="g", identifier="gold", database_url=DatabaseUrl(own))
    await migrated(config, [*tenants, gold])
    assert leads_to(seen(own, "seen")[0][0], own)
    assert len(seen(tenancy_database, "tenant_shop_0.seen")) == 1


@pytest.mark.anyio
async def test_the_event_loop_goes_on_meanwhile(
    folder: Path, config: TenancyConfig, tenants: list[Tenant]
) -> None:
    write_revision(folder, "r4", "r3", "    op.execute('SELECT pg_sleep(0.3)')", "pass")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    await migrated(config, tenants)
    took = time.perf_counter() - started
    watching.cancel()
    assert longest < took / 2
