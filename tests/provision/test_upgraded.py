"""Fleet runs and tenants that somebody is creating: skipped without a place, migrated with one."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import (
    MigrationManager,
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenantMigrationManager,
    TenantStatus,
)
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.model.url import with_database
from fastapi_tenancy.provision.creating import create_tenant
from shelf import WAITS, Shelf, tenant

LATE = tenant("late", status=TenantStatus.PROVISIONING)


def _migrator(
    shelf: Shelf, store: SQLAlchemyTenantStore, **settings: Any
) -> TenantMigrationManager:
    return TenantMigrationManager(TenancyConfig(database_url=shelf.url, **settings), store)


def _told(results: list[Any]) -> dict[str, tuple[str, str | None]]:
    return {r["identifier"]: (r["outcome"], r["error"]) for r in results}


@pytest.mark.parametrize("engine", ["auto", "env"])
async def test_a_creation_under_way_fails_no_run(
    shelf: Shelf, store: SQLAlchemyTenantStore, engine: str
) -> None:
    await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    await store.save_all([LATE, tenant("lost")])
    migrator = _migrator(shelf, store, engine=engine)
    told = _told(await migrator.upgrade_all())
    assert told["acme"] == ("already there", None)
    assert told["late"][0] == "skipped"
    assert "it is being created, and its schema is not made yet" in str(told["late"][1])
    assert told["lost"][0] == "failed"
    with pytest.raises(MigrationFailedError, match="it is being created"):
        await migrator.upgrade_tenant(LATE)
    assert _told(await migrator.upgrade_all(create=True))["late"] == ("migrated", None)
    assert shelf.stands("tenant_late") == ["b2"]


async def test_a_database_that_is_not_made_yet_fails_no_run(
    shelf: Shelf, store: SQLAlchemyTenantStore
) -> None:
    await store.create(LATE)
    template = str(with_database(shelf.url, "no_such_NAME")).replace("NAME", "{identifier}")
    migrator = _migrator(
        shelf, store, isolation_strategy="database", database_url_template=template
    )
    ((outcome, error),) = _told(await migrator.upgrade_all()).values()
    assert outcome == "skipped"
    assert "its database is not made yet" in str(error)


async def test_a_tenant_created_during_a_run_ends_at_its_revision(
    shelf: Shelf, store: SQLAlchemyTenantStore, gate: psycopg.Connection
) -> None:
    await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    await store.create(LATE)
    shelf.revision("b3", "b2", WAITS)
    running = asyncio.create_task(_migrator(shelf, store).upgrade_all())
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(shelf.rows, waiting):
            await asyncio.sleep(0.02)
    older = MigrationManager("alembic.ini", shelf.isolation())
    await older.upgrade_tenant(LATE, "b2", create=True)  # by a release that has no b3
    await asyncio.to_thread(gate.close)
    told = _told(await running)
    assert told == {"acme": ("migrated", None), "late": ("migrated", None)}
    assert shelf.stands("tenant_late") == ["b3"]
