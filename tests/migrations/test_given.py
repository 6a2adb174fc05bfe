"""MigrationManager: the tenants it is given, and the script of the documentation as printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import (
    InMemoryTenantStore,
    MigrationManager,
    TenancyConfig,
    Tenant,
    TenantStatus,
)
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError, UnknownRevisionError
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from notes_history import write_revision

ADD = """
import asyncio
from fastapi_tenancy import TenancyConfig, Tenant
from fastapi_tenancy.storage.postgres import SQLAlchemyTenantStore

async def add():
    store = SQLAlchemyTenantStore(database_url=str(TenancyConfig().database_url))
    await store.initialize()
    for n in range(6):
        await store.create(Tenant(id=f"id-{n}", identifier=f"shop-{n}"))

asyncio.run(add())
"""
MIGRATE_ALL = """
# scripts/migrate_all_tenants.py
import asyncio
from fastapi_tenancy import TenancyConfig
from fastapi_tenancy.storage.postgres import SQLAlchemyTenantStore
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.migrations.manager import MigrationManager

async def main():
    config = TenancyConfig()
    store = SQLAlchemyTenantStore(database_url=str(config.database_url))
    await store.initialize()

    provider = SchemaIsolationProvider(config)
    migration_manager = MigrationManager("alembic.ini", provider)

    tenants = await store.list(limit=10_000)
    results = await migration_manager.upgrade_all_tenants(tenants)
    print(f"Migrated {results['success']}/{results['total']} tenants")
    if results["failed"] > 0:
        exit(1)

asyncio.run(main())
"""


@pytest.fixture
def manager(folder: Path, config: TenancyConfig) -> MigrationManager:
    provider = SchemaIsolationProvider(config)
    return MigrationManager(alembic_ini_path="alembic.ini", isolation_provider=provider)


@pytest.mark.anyio
async def test_one_tenant_and_where_it_stands(manager: MigrationManager, tenants: list[Tenant]):
    status = await manager.get_migration_status(tenants[0])
    assert status == {
        "current_revision": None,
        "head_revision": "r3",
        "is_up_to_date": False,
    }
    done = await manager.upgrade_tenant(tenants[0], revision="head")
    assert (done["success"], done["revision"]) == (True, "r3")
    status = await manager.get_migration_status(tenants[0])
    assert status == {"current_revision": "r3", "head_revision": "r3", "is_up_to_date": True}
    await manager.downgrade_tenant(tenants[0])
    status = await manager.get_migration_status(tenants[0])
    assert (status["current_revision"], status["is_up_to_date"]) == ("r2", False)


@pytest.mark.anyio
async def test_all_tenants_in_numbers_and_failures(
    manager: MigrationManager, tenants: list[Tenant], tenancy_database: str
):
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA tenant_shop_2")
    gone = replace(tenants[3], status=TenantStatus.DELETED)
    results = await manager.upgrade_all_tenants([*tenants[:3], gone, *tenants[4:]])
    assert (results["total"], results["success"], results["failed"]) == (5, 4, 1)
    (failure,) = results["failures"]
    assert failure["identifier"] == "shop-2"
    assert "does not exist" in str(failure["error"])
    again = await manager.upgrade_all_tenants(tenants[:3], create=True)
    assert (again["total"], again["success"], again["failures"]) == (3, 3, [])
    down = await manager.downgrade_all_tenants(tenants[:3], revision="base")
    assert down["success"] == 3


@pytest.mark.anyio
async def test_who_is_being_created_is_skipped_and_has_not_failed(
    manager: MigrationManager, tenants: list[Tenant]
):
    begun = Tenant(id="x", identifier="begun", status=TenantStatus.PROVISIONING)
    idle = replace(tenants[1], status=TenantStatus.SUSPENDED)
    results = await manager.upgrade_all_tenants([tenants[0], idle, begun])
    assert (results["total"], results["success"]) == (3, 2)
    assert (results["skipped"], results["failed"], results["failures"]) == (1, 0, [])
    (skipped,) = (r for r in results["results"] if not r["success"])
    assert (skipped["identifier"], skipped["outcome"]) == ("begun", "skipped")


@pytest.mark.anyio
async def test_whom_the_catalogue_knows_to_claim_a_given_schema(
    config: TenancyConfig, folder: Path, tenants: list[Tenant]
):
    rival = Tenant(id="x", identifier="rival", schema_name="tenant_shop_0")
    store = InMemoryTenantStore([*tenants, rival])
    manager = MigrationManager("alembic.ini", SchemaIsolationProvider(config), store=store)
    for call in (manager.upgrade_tenant, manager.downgrade_tenant):
        with pytest.raises(MigrationFailedError, match="'shop-0', 'rival' all claim the schema"):
            await call(tenants[0])
    results = await manager.upgrade_all_tenants(tenants[:2])
    assert (results["total"], results["success"], results["failed"]) == (2, 1, 1)
    assert [failure["identifier"] for failure in results["failures"]] == ["shop-0"]
    assert (await manager.get_migration_status(tenants[0]))["current_revision"] is None
    assert (await manager.get_migration_status(tenants[1]))["is_up_to_date"]


@pytest.mark.anyio
async def test_what_cannot_be_done_is_raised(manager: MigrationManager, tenants: list[Tenant]):
    with pytest.raises(UnknownRevisionError):
        await manager.upgrade_all_tenants(tenants, revision="nowhere")
    with pytest.raises(MigrationFailedError, match=r"'lost'.*does not exist"):
        await manager.upgrade_tenant(Tenant(id="x", identifier="lost"))
    wrong: list[Any] = ["t01", None, tenants[0], [*tenants, "t01"]]
    for given in wrong:
        with pytest.raises(ConfigurationError, match=r"expected a (list of )?Tenant"):
            await manager.upgrade_all_tenants(given)
    for call in (manager.upgrade_tenant, manager.get_migration_status):
        with pytest.raises(ConfigurationError, match="expected a Tenant, got 't01'"):
            await call(wrong[0])


def test_the_script_for_a_deployment_runs_as_printed(
    folder: Path,
    tenancy_database: str,
    tenants: list[Tenant],
    rows: Callable[[str], list[tuple[object, ...]]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("TENANCY_DATABASE_URL", tenancy_database)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "add.py").write_text(ADD)
    (folder / "scripts" / "migrate_all_tenants.py").write_text(MIGRATE_ALL)

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, f"scripts/{name}", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert run("add.py").returncode == 0
    done = run("migrate_all_tenants.py", "--revision", "head")
    assert (done.returncode, done.stdout) == (0, "Migrated 6/6 tenants\n"), done.stderr
    assert rows("SELECT version_num FROM tenant_shop_5.alembic_version") == [("r3",)]
    write_revision(folder, "r4", "r3", 'op.execute("SELECT 1 / 0")')
    done = run("migrate_all_tenants.py")
    assert (done.returncode, done.stdout) == (1, "Migrated 0/6 tenants\n"), done.stderr
