"""The migrate.py of the documentation runs as it is printed there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fastapi_tenancy import Tenant
from notes_history import write_revision

MAIN = """
import asyncio
from fastapi_tenancy import SQLAlchemyTenantStore, TenancyConfig

config = TenancyConfig()
store = SQLAlchemyTenantStore(database_url=str(config.database_url))
"""
ADD = """
import asyncio
from fastapi_tenancy import Tenant
from main import store

async def add():
    await store.initialize()
    for n in range(6):
        await store.create(Tenant(id=f"id-{n}", identifier=f"shop-{n}"))

asyncio.run(add())
"""
MIGRATE = """
import asyncio
import sys
from main import config, store
from fastapi_tenancy.migrations.manager import TenantMigrationManager

async def main():
    migrator = TenantMigrationManager(config, store)
    command  = sys.argv[1]  # "upgrade" | "downgrade"
    revision = sys.argv[2] if len(sys.argv) > 2 else "head"

    if command == "upgrade":
        results = await migrator.upgrade_all(revision=revision, concurrency=20)
    elif command == "downgrade":
        results = await migrator.downgrade_all(revision=revision, concurrency=20)

    failed = [r for r in results if not r["success"]]
    print(f"Done. {len(results) - len(failed)}/{len(results)} succeeded.")
    if failed:
        for r in failed:
            print(f"  FAILED {r['identifier']} ({r['tenant_id']}): {r['error']}")
        sys.exit(1)

asyncio.run(main())
"""


def test_it_upgrades_downgrades_and_reports(
    folder: Path,
    tenancy_database: str,
    tenants: list[Tenant],
    rows: Callable[[str], list[tuple[object, ...]]],
    monkeypatch,
):
    monkeypatch.setenv("TENANCY_DATABASE_URL", tenancy_database)
    for name, text in (("main", MAIN), ("add", ADD), ("migrate", MIGRATE)):
        (folder / f"{name}.py").write_text(text)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
        )

    assert run("add.py").returncode == 0
    done = run("migrate.py", "upgrade", "head")
    assert (done.returncode, done.stdout) == (0, "Done. 6/6 succeeded.\n"), done.stderr
    assert rows("SELECT version_num FROM tenant_shop_5.alembic_version") == [("r3",)]

    done = run("migrate.py", "downgrade", "-1")
    assert (done.returncode, done.stdout) == (0, "Done. 6/6 succeeded.\n")
    assert rows("SELECT version_num FROM tenant_shop_5.alembic_version") == [("r2",)]

    write_revision(folder, "r4", "r3", 'op.execute("SELECT 1 / 0")')
    done = run("migrate.py", "upgrade")
    assert done.returncode == 1
    assert "Done. 0/6 succeeded." in done.stdout
    assert "FAILED shop-0 (id-0): revision r4: division by zero" in done.stdout
