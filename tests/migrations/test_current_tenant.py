"""current_tenant() in revisions: in fleet runs, and under plain Alembic."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    Tenant,
    TenantMigrationManager,
    current_tenant,
)
from fastapi_tenancy.errors import ConfigurationError
from notes_history import write_revision

Rows = Callable[[str], list[tuple[object, ...]]]
pytestmark = pytest.mark.anyio

GOLD = """if current_tenant().tags.get("tier") == "gold":
        op.add_column("notes", sa.Column("extra", sa.Text))"""
COLUMNS = (
    "SELECT count(*) FROM pg_attribute WHERE attrelid = '{}.notes'::regclass AND attname = 'extra'"
)
ENV = """
from alembic import context
from sqlalchemy import create_engine, text

config = context.config
schema = context.get_x_argument(as_dictionary=True)["schema"]
with create_engine(config.get_main_option("sqlalchemy.url")).connect() as connection:
    connection.execute(text(f'SET search_path TO "{schema}", public'))
    connection.commit()
    connection.dialect.default_schema_name = schema
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
async def catalogue(
    tenancy_database: str, tenants: list[Tenant]
) -> AsyncIterator[SQLAlchemyTenantStore]:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    for number, tenant in enumerate(tenants):
        tier = "gold" if number % 2 else "free"
        await store.create(Tenant(id=tenant.id, identifier=tenant.identifier, tags={"tier": tier}))
    yield store
    await store.close()


async def test_a_revision_that_applies_to_some_tenants_only(
    config: TenancyConfig, catalogue: SQLAlchemyTenantStore, folder: Path, rows: Rows
):
    write_revision(folder, "r4", "r3", GOLD)
    results = await TenantMigrationManager(config, catalogue).upgrade_all()
    assert {r["revision"] for r in results} == {"r4"}
    found = [rows(COLUMNS.format(f"tenant_shop_{n}"))[0][0] for n in range(6)]
    assert found == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", ["tenant=shop-1", "tenant=id-1", "tenant=tenant_shop_1"])
async def test_plain_alembic_finds_the_tenant_in_the_catalogue(
    catalogue: SQLAlchemyTenantStore, tenancy_database: str, folder: Path, rows: Rows, name: str
):
    write_revision(folder, "r4", "r3", GOLD)
    (folder / "alembic" / "env.py").write_text(ENV)
    url = tenancy_database.replace("postgresql://", "postgresql+psycopg://", 1)
    ini = (folder / "alembic.ini").read_text()
    escaped = url.replace("%", "%%")
    (folder / "alembic.ini").write_text(ini.replace("driver://user:pass@localhost/dbname", escaped))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "alembic",
            "-x",
            name,
            "-x",
            "schema=tenant_shop_1",
            "upgrade",
            "head",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TENANCY_DATABASE_URL": tenancy_database},
    )
    assert done.returncode == 0, done.stderr
    assert rows(COLUMNS.format("tenant_shop_1")) == [(1,)]


async def test_without_a_tenant_it_says_what_to_do():
    with pytest.raises(ConfigurationError, match="alembic -x tenant=IDENTIFIER upgrade head"):
        current_tenant()
