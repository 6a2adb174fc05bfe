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
from several import BROKEN, revision, scripts, shop, track


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


@pytest.mark.parametrize("known", ["store", "settings", "nobody"])
async def test_what_comes_after_tenants_waits_for_those_that_were_not_given(
    project: Desk, tenants: list[Tenant], known: str
):
    track(project.folder, "cleanup", 'scope = "shared"\nafter = ["tenants"]')
    if known == "settings":
        for tenant in tenants:
            assert project.run("tenants", "add", tenant.identifier, "--id", tenant.id).code == 0
    store = InMemoryTenantStore(tenants) if known == "store" else None
    provider = SchemaIsolationProvider(TenancyConfig(database_url=project.url))
    manager = MigrationManager("alembic.ini", provider, store=store)
    first = await manager.upgrade_all_tenants(tenants[:1], create=True)
    assert (first["success"], first["failed"]) == (1, 0)
    if known == "nobody":
        assert project.stands()["cleanup"] == "cleanup1"
        return
    assert (first["total"], first["skipped"], first["failures"]) == (2, 1, [])
    held = first["results"][-1]
    assert (held.get("track"), held["outcome"]) == ("cleanup", "skipped")
    assert "tenant_bolt" in str(held["error"])
    assert "cleanup" not in project.stands()
    assert (await manager.upgrade_all_tenants([], create=True))["skipped"] == 1
    assert project.stands() == {"shared": "s1", "acme": "t1"}
    both = await manager.upgrade_all_tenants(tenants, create=True)
    assert (both["total"], both["success"], both["skipped"]) == (2, 2, 0)
    assert project.stands()["cleanup"] == "cleanup1"


async def test_what_is_nobodys_and_fails_is_a_failure(project: Desk, tenants: list[Tenant]):
    provider = SchemaIsolationProvider(TenancyConfig(database_url=project.url))
    manager = MigrationManager("alembic.ini", provider)
    await manager.upgrade_all_tenants(tenants, create=True)
    revision(project.folder / "shared", "s2", "s1", BROKEN)
    results = await manager.upgrade_all_tenants(tenants)
    assert (results["total"], results["skipped"], results["failed"]) == (3, 2, 1)
    (failure,) = results["failures"]
    assert (failure.get("track"), failure["identifier"]) == ("shared", "shared")
