"""An application that migrates when it starts: what is done, what stops it, what does not."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    TenantStatus,
)
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError
from fastapi_tenancy.storage.leases import LeaseTable
from fleet import Fleet, application, history
from serving import client, started
from several import revision, scripts, shop

BLOCKED = 'op.execute("SELECT pg_advisory_xact_lock(42)")'


def messages(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    """What the log was told that holds a text."""
    return [r.getMessage() for r in caplog.records if part in r.getMessage()]


@pytest.fixture
def tracks(fleet: Fleet) -> Fleet:
    """Companies that all share, at s1; books of each tenant, at t1."""
    (fleet.folder / "alembic.ini").unlink()
    shop(fleet.folder)
    return fleet


async def test_all_tenants_are_migrated(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    await fleet.at("t1")
    caplog.set_level(logging.INFO, "fastapi_tenancy")
    config = fleet.config(migrate_at_start="all", when_behind="refuse")
    app = application(TenancyManager(config))
    async with started(app), client(app, **{"X-Tenant-ID": "bolt"}) as http:
        assert (await http.get("/whoami")).status_code == 200
    assert {fleet.position(f"tenant_{n}") for n in ("acme", "bolt", "coil")} == {"t3"}
    assert messages(caplog, "migrated at the start: 3 migrated")
    with psycopg.connect(fleet.url) as connection:
        (row,) = connection.execute("SELECT name, owner, work, error FROM tenancy_leases")
    assert row == ("start", None, "all: =t3", None)


async def test_several_that_start_run_once(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    await fleet.at("t1")
    revision(fleet.versions, "t4", "t3", BLOCKED)
    caplog.set_level(logging.INFO, "fastapi_tenancy")
    managers = [TenancyManager(fleet.config(migrate_at_start="all")) for _ in range(4)]
    with psycopg.connect(fleet.url) as holding:
        holding.execute("SELECT pg_advisory_xact_lock(42)")
        starting = asyncio.gather(*(manager.initialize() for manager in managers))
        async with asyncio.timeout(60):
            while len(messages(caplog, "another process migrates at its start")) < 3:
                await asyncio.sleep(0.01)
    await starting
    await asyncio.gather(*(manager.shutdown() for manager in managers))
    assert len(messages(caplog, "migrating at the start")) == 1
    assert len(messages(caplog, "another process has migrated; going on")) == 3
    assert fleet.position("tenant_acme") == "t4"


async def test_what_is_shared_alone(tracks: Fleet) -> None:
    async with TenancyManager(tracks.config(migrate_at_start="shared")):
        assert tracks.position("shared") == "s1"
    with psycopg.connect(tracks.url) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^tenant'")
        assert schemas.fetchall() == []


async def test_nothing_that_is_shared_is_a_mistake(fleet: Fleet) -> None:
    with pytest.raises(ConfigurationError, match="the settings name no track that is shared"):
        await TenancyManager(fleet.config(migrate_at_start="shared")).initialize()


async def test_shared_tables_that_cannot_be_migrated_stop_the_start(tracks: Fleet) -> None:
    revision(tracks.folder / "shared", "s2", "s1", 'op.execute("SELECT no_such_function()")')
    config = tracks.config(migrate_at_start="all")
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=config)
    with pytest.raises(RuntimeError, match="the track 'shared' in schema shared") as refused:
        async with started(app):
            raise AssertionError("it started")
    assert "no_such_function" in str(refused.value)
    lifespan = TenancyManager(config).create_lifespan()
    with pytest.raises(MigrationFailedError, match="no_such_function"):
        async with lifespan(app):
            raise AssertionError("it started")


async def test_who_waited_for_a_start_that_failed_fails_with_its_reason(tracks: Fleet) -> None:
    revision(tracks.folder / "shared", "s2", "s1", f"{BLOCKED}\nop.execute('SELECT 1/0')")
    managers = [TenancyManager(tracks.config(migrate_at_start="shared")) for _ in range(3)]
    with psycopg.connect(tracks.url) as holding:
        holding.execute("SELECT pg_advisory_xact_lock(42)")
        starting = [asyncio.create_task(manager.initialize()) for manager in managers]
        watching = LeaseTable(tracks.url)
        async with asyncio.timeout(60):
            while holding.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone() == (0,):
                await asyncio.sleep(0.01)
        await watching.close()
    failures = await asyncio.gather(*starting, return_exceptions=True)
    assert all(isinstance(failure, MigrationFailedError) for failure in failures)
    told = sorted(str(failure) for failure in failures)
    assert all("division by zero" in one for one in told)
    assert sum("another process that started failed to migrate" in one for one in told) == 2


async def test_a_tenant_that_fails_stops_nothing(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.at("t1", "acme", "bolt")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE tenant_bolt.books ADD COLUMN title text")
    app = application(TenancyManager(fleet.config(migrate_at_start="all", when_behind="refuse")))
    async with started(app), client(app) as http:
        answers = [
            (await http.get("/whoami", headers={"X-Tenant-ID": name})).status_code
            for name in ("acme", "bolt", "coil")
        ]
    assert answers == [200, 503, 503]
    (bolt,) = messages(caplog, "the tenant 'bolt' was not migrated at the start")
    assert "already exists" in bolt
    (coil,) = messages(caplog, "the tenant 'coil' was not migrated at the start")
    assert "does not exist" in coil


async def test_an_older_release_comes_up_again(
    tracks: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    config = tracks.config(migrate_at_start="shared")
    async with TenancyManager(config):
        tracks.set_position("shared", "of_a_later_release")
    async with TenancyManager(config) as manager:
        assert manager.ready
    assert messages(caplog, "is newer than the scripts, and left as it is")


def after(fleet: Fleet, name: str, settings: str) -> None:
    """Add a track that waits for another one, in a schema of its own."""
    located_there = f"[{name}]\nscript_location = %(here)s/{name}\npath_separator = os\n"
    with (fleet.folder / "alembic.ini").open("a") as file:
        file.write(located_there)
    with (fleet.folder / "tenancy.toml").open("a") as file:
        file.write(f'[tracks.{name}]\nscope = "shared"\nalembic_section = "{name}"\n{settings}\n')
    made = f'op.create_table("{name}", sa.Column("id", sa.Integer))'
    revision(scripts(fleet.folder / name), f"{name}1", None, made)


async def test_an_older_release_migrates_what_waits_for_newer_tables(
    tracks: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await tracks.migrator().upgrade_all(create=True)
    tracks.set_position("shared", "of_a_later_release")
    after(tracks, "extra", 'after = ["shared"]')
    added = 'op.add_column("books", sa.Column("x", sa.Text))'
    revision(tracks.folder / "tenants", "t2", "t1", added)
    async with TenancyManager(tracks.config(migrate_at_start="all")) as manager:
        assert manager.ready
        created = await manager.create_tenant(Tenant(id="9", identifier="dart"))
        assert created.status is TenantStatus.ACTIVE
    assert tracks.position("extra") == "extra1"
    assert {tracks.position(f"tenant_{n}") for n in ("acme", "bolt", "coil", "dart")} == {"t2"}
    told = messages(caplog, "the track 'shared' is newer than the scripts in schema shared")
    assert len(told) == 1, "by the creation"


async def test_an_older_release_migrates_a_tenant_for_its_request(tracks: Fleet) -> None:
    await tracks.migrator().upgrade_all(create=True)
    tracks.set_position("shared", "of_a_later_release")
    added = 'op.add_column("books", sa.Column("x", sa.Text))'
    revision(tracks.folder / "tenants", "t2", "t1", added)
    config = tracks.config(when_behind="migrate", migrate_wait_s=60)
    async with TenancyManager(config) as manager:
        await manager.revisions.admit(await manager.tenant_store.get_by_identifier("acme"))
    assert tracks.position("tenant_acme") == "t2"


async def test_what_waits_for_a_tenant_that_failed_waits_and_stops_nothing(
    tracks: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await tracks.migrator().upgrade_all(create=True)
    after(tracks, "cleanup", 'after = ["tenants"]')
    added = 'op.add_column("books", sa.Column("x", sa.Text))'
    revision(tracks.folder / "tenants", "t2", "t1", added)
    with psycopg.connect(tracks.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE tenant_acme.books ADD COLUMN x text")
    async with TenancyManager(tracks.config(migrate_at_start="shared")):
        assert tracks.position("tenant_bolt") == "t1"
    async with TenancyManager(tracks.config(migrate_at_start="all")):
        assert tracks.position("tenant_bolt") == "t2"
    (told,) = messages(
        caplog, "the track 'cleanup' in schema cleanup was not migrated at the start"
    )
    assert "waits for the track 'tenants', which failed in schema tenant_acme" in told
    with psycopg.connect(tracks.url, autocommit=True) as connection:
        assert connection.execute("SELECT to_regclass('cleanup.cleanup')").fetchone() == (None,)
        connection.execute("ALTER TABLE tenant_acme.books DROP COLUMN x")
    async with TenancyManager(tracks.config(migrate_at_start="all")):
        assert tracks.position("cleanup") == "cleanup1"


async def test_a_start_that_is_cancelled_leaves_the_way_free(fleet: Fleet) -> None:
    await fleet.at("t3")
    revision(fleet.versions, "t4", "t3", BLOCKED)
    config = fleet.config(migrate_at_start="all", concurrency=1)

    async def start() -> None:
        async with TenancyManager(config):
            raise AssertionError("it started")

    with psycopg.connect(fleet.url) as holding:
        holding.execute("SELECT pg_advisory_xact_lock(42)")
        starting = asyncio.create_task(start())
        async with asyncio.timeout(60):
            while holding.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone() == (0,):
                await asyncio.sleep(0.01)
        starting.cancel()
        await asyncio.sleep(0)
    assert isinstance(
        (await asyncio.gather(starting, return_exceptions=True))[0], asyncio.CancelledError
    )
    assert max(str(fleet.position(f"tenant_{n}")) for n in ("acme", "bolt", "coil")) == "t4"
    async with asyncio.timeout(10):  # well within a lease
        async with TenancyManager(config):
            assert fleet.position("tenant_coil") == "t4"


async def test_files_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    history(tmp_path)
    store = SQLAlchemyTenantStore("sqlite:///catalogue.db")
    await store.initialize()
    await store.create(Tenant(id="1", identifier="acme"))
    await store.close()
    (tmp_path / "tenant_acme.db").touch()
    given = {
        "database_url": "sqlite:///shop.db",
        "catalogue_url": "sqlite:///catalogue.db",
        "isolation_strategy": "database",
        "when_behind": "migrate",
        "migrate_wait_s": 60,
    }
    managers = [TenancyManager(TenancyConfig(migrate_at_start="all", **given)) for _ in range(3)]
    scope = {"type": "http", "headers": [(b"x-tenant-id", b"acme")]}
    await asyncio.gather(*(manager.initialize() for manager in managers))
    assert (await managers[0].resolve(scope)).identifier == "acme"
    revision(tmp_path / "migrations", "t4", "t3", "pass")
    await asyncio.gather(*(manager.shutdown() for manager in managers))
    later = [TenancyManager(TenancyConfig(**given)) for _ in range(3)]
    await asyncio.gather(*(manager.initialize() for manager in later))
    found = await asyncio.gather(*(manager.resolve(scope) for manager in later))
    assert {tenant.identifier for tenant in found} == {"acme"}
    await asyncio.gather(*(manager.shutdown() for manager in later))
