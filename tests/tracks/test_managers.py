"""The managers of Python programs go through the tracks of a project too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli_desk import Desk
from fastapi_tenancy import (
    InMemoryTenantStore,
    MigrationManager,
    SchemaIsolationProvider,
    TenancyConfig,
    Tenant,
    TenantMigrationManager,
)
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError
from several import BROKEN, revision, scripts, shop


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    shop(bare.folder)
    monkeypatch.chdir(bare.folder)
    return bare


@pytest.fixture
def tenants() -> list[Tenant]:
    return [Tenant(id=f"id-{name}", identifier=name) for name in ("acme", "bolt")]


@pytest.fixture
def manager(project: Desk, tenants: list[Tenant]) -> TenantMigrationManager:
    config = TenancyConfig(database_url=project.url)
    return TenantMigrationManager(config, InMemoryTenantStore(tenants))


async def test_all_tracks_are_upgraded_with_all_tenants(
    project: Desk, manager: TenantMigrationManager
):
    results = await manager.upgrade_all(create=True)
    assert [(r.get("track"), r["identifier"], r["success"]) for r in results] == [
        ("shared", "shared", True),
        ("tenants", "acme", True),
        ("tenants", "bolt", True),
    ]
    assert project.stands() == {"shared": "s1", "acme": "t1", "bolt": "t1"}


async def test_a_new_tenant_is_born_in_every_track_of_tenants(
    project: Desk, manager: TenantMigrationManager, tenants: list[Tenant]
):
    with pytest.raises(ConfigurationError, match="waits for 'shared'"):
        await manager.upgrade_tenant(tenants[0], create=True)
    assert project.stands() == {}
    assert project.run("upgrade", "--track", "shared").code == 0
    result = await manager.upgrade_tenant(tenants[0], create=True)
    assert result["revision"] == "t1"
    assert project.stands() == {"shared": "s1", "acme": "t1"}
    assert await manager.get_current_revision(tenants[0]) == "t1"
    assert (await manager.downgrade_tenant(tenants[0]))["revision"] is None


async def test_a_failed_shared_track_is_in_the_results(
    project: Desk, manager: TenantMigrationManager
):
    await manager.upgrade_all(create=True)
    revision(project.folder / "shared", "s2", "s1", BROKEN)
    revision(project.folder / "tenants", "t2", "t1", 'op.execute("SELECT 1")')
    results = await manager.upgrade_all()
    assert [r["success"] for r in results] == [False, False, False]
    assert {r["outcome"] for r in results[1:]} == {"skipped"}


async def test_tenants_with_several_histories(project: Desk, tenants: list[Tenant]):
    text = (project.folder / "tenancy.toml").read_text()
    more = '[tracks.notes]\nscope = "tenant"\nalembic_section = "notes"\n'
    (project.folder / "tenancy.toml").write_text(text + more)
    ini = project.folder / "alembic.ini"
    section = "[notes]\nscript_location = %(here)s/notes\npath_separator = os\n"
    ini.write_text(ini.read_text() + section)
    folder = scripts(project.folder / "notes", 'version_table="notes_version"')
    made = 'op.create_table("notes", sa.Column("id", sa.Integer))'
    revision(folder, "n1", None, made, 'op.drop_table("notes")')
    assert project.run("upgrade", "--track", "shared").code == 0
    config = TenancyConfig(database_url=project.url)
    both = MigrationManager("alembic.ini", SchemaIsolationProvider(config))
    assert (await both.upgrade_tenant(tenants[0], create=True))["success"]
    assert project.sql("SELECT version_num FROM tenant_acme.notes_version") == [("n1",)]
    assert project.stands()["acme"] == "t1"
    with pytest.raises(ConfigurationError, match="which history of the tenants is meant"):
        await both.get_migration_status(tenants[0])
    with pytest.raises(ConfigurationError, match="tenants, notes"):
        await both.downgrade_tenant(tenants[0])
    one = MigrationManager("alembic.ini", SchemaIsolationProvider(config), track="notes")
    assert (await one.get_migration_status(tenants[0]))["is_up_to_date"]
    assert (await one.downgrade_tenant(tenants[0]))["revision"] is None
    assert project.stands()["acme"] == "t1"
    revision(folder, "n2", "n1", BROKEN)
    with pytest.raises(MigrationFailedError, match="no_such_function"):
        await one.upgrade_tenant(tenants[0])
    status = await both.upgrade_all_tenants(tenants, create=True)
    assert (status["total"], status["failed"]) == (4, 2)
    with pytest.raises(ConfigurationError, match="'nosuch'"):
        await MigrationManager(
            "alembic.ini", SchemaIsolationProvider(config), track="nosuch"
        ).upgrade_tenant(tenants[0])
