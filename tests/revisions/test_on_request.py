"""A tenant that is behind is migrated by its first request: once, whoever asks, wherever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import text

from fastapi_tenancy import TenancyConfig, TenancyManager, Tenant
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.revisions import holding as renewing
from fastapi_tenancy.storage.leases import LeaseTable
from fleet import Fleet, application
from serving import client, started
from several import revision

BLOCKED = 'op.execute("SELECT pg_advisory_xact_lock(42)")'
TRIES = "op.execute(\"SELECT nextval('public.tries')\")"
"""Counts in a way that no rollback undoes."""


@pytest.fixture
async def behind(fleet: Fleet) -> Fleet:
    """All tenants at t2, and a count of how often t4 was begun."""
    await fleet.at("t2")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE public.tries")
    revision(fleet.versions, "t4", "t3", TRIES)
    return fleet


def tries(fleet: Fleet) -> int:
    with psycopg.connect(fleet.url) as connection:
        found = connection.execute("SELECT last_value, is_called FROM public.tries").fetchone()
    assert found is not None
    return int(found[0]) if found[1] else 0


@contextmanager
def locked(fleet: Fleet) -> Iterator[None]:
    """Keep a revision that is blocked from going on."""
    with psycopg.connect(fleet.url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(42)")
        yield


async def test_the_first_request_migrates_and_all_are_served(behind: Fleet) -> None:
    app = application(TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=60)))
    async with started(app), client(app) as http:
        names = ["acme", "bolt"] * 10
        asked = [http.get("/whoami", headers={"X-Tenant-ID": name}) for name in names]
        answers = await asyncio.gather(*asked)
    assert [(a.status_code, a.json()) for a in answers] == [(200, name) for name in names]
    assert behind.position("tenant_acme") == behind.position("tenant_bolt") == "t4"
    assert behind.position("tenant_coil") == "t2"
    assert tries(behind) == 2
    with psycopg.connect(behind.url) as connection:
        assert connection.execute("SELECT count(*) FROM tenancy_leases").fetchone() == (0,)


async def test_several_managers_migrate_once(behind: Fleet) -> None:
    config = behind.config(when_behind="migrate", migrate_wait_s=60)
    managers = [TenancyManager(config) for _ in range(4)]
    scope = {"type": "http", "headers": [(b"x-tenant-id", b"acme")]}
    try:
        await asyncio.gather(*(manager.initialize() for manager in managers))
        found = await asyncio.gather(*(m.resolve(scope) for m in managers for _ in range(5)))
    finally:
        await asyncio.gather(*(manager.shutdown() for manager in managers))
    assert {tenant.identifier for tenant in found} == {"acme"}
    assert tries(behind) == 1


async def test_a_request_waits_for_so_long_and_no_longer(behind: Fleet) -> None:
    revision(behind.versions, "t5", "t4", BLOCKED)
    app = application(TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=0.05)))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        with locked(behind):
            answer = await http.get("/whoami")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            again = await http.get("/whoami")
            assert again.status_code == 503
        async with asyncio.timeout(60):
            while (await http.get("/whoami")).status_code != 200:
                pass
    assert tries(behind) == 1


async def test_a_failed_migration_is_503_for_all_and_not_tried_at_every_request(
    behind: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    revision(behind.versions, "t5", "t4", f"{TRIES}\nop.execute('SELECT 1/0')")
    config = behind.config(when_behind="migrate", migrate_wait_s=60)
    apps = [application(TenancyManager(config)) for _ in range(2)]
    async with started(apps[0]), started(apps[1]):
        answers = []
        for app in apps:
            async with client(app, **{"X-Tenant-ID": "acme"}) as http:
                answers += await asyncio.gather(*(http.get("/whoami") for _ in range(10)))
                answers.append(await http.get("/whoami"))
        assert {a.status_code for a in answers} == {503}
        assert all(1 <= int(a.headers["retry-after"]) <= 5 for a in answers)
        assert tries(behind) == 2  # t4 and t5, each of them once
        errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "the tenant 'acme' could not be migrated for its request" in errors[0]
        assert "t5" in errors[0]
        assert "division by zero" in errors[0]
        assert "1/0" not in answers[0].text


async def test_a_tenant_that_was_mended_is_served_during_the_pause(behind: Fleet) -> None:
    revision(behind.versions, "t5", "t4", "op.execute('SELECT 1/0')")
    manager = TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=60))
    app = application(manager)
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 503
        behind.set_position("tenant_acme", "t5")
        async with asyncio.timeout(60):
            while (await http.get("/whoami")).status_code != 200:
                pass


async def test_who_waits_for_a_turn_is_served_once_somebody_else_migrated_it(
    behind: Fleet,
) -> None:
    revision(behind.versions, "t5", "t4", BLOCKED)
    manager = TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=0.05))
    app = application(manager)
    async with started(app), client(app) as http:

        async def status(name: str) -> int:
            return (await http.get("/whoami", headers={"X-Tenant-ID": name})).status_code

        with locked(behind):
            async with asyncio.timeout(60):
                while tries(behind) < 2:  # both turns are taken
                    assert await asyncio.gather(*map(status, ("acme", "bolt"))) == [503, 503]
            assert await status("coil") == 503
            behind.set_position("tenant_coil", "t5")
            async with asyncio.timeout(5):
                while await status("coil") != 200:
                    pass
            assert await status("acme") == 503
        async with asyncio.timeout(60):
            while [await status(name) for name in ("acme", "bolt")] != [200, 200]:
                pass
    assert tries(behind) == 2


async def test_the_work_of_a_killed_process_is_taken_over(behind: Fleet) -> None:
    leases = LeaseTable(behind.url)
    await leases.prepare()
    target = open_isolation(behind.config()).target(Tenant(id="0", identifier="acme"))
    assert (await leases.take(f"tenant:{target.database}/tenant_acme", "killed")).taken
    with psycopg.connect(behind.url, autocommit=True) as connection:
        connection.execute("UPDATE tenancy_leases SET until = until - 14")
    await leases.close()
    app = application(TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=60)))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 200
    assert tries(behind) == 1


async def test_all_processes_together_migrate_no_more_than_concurrency(behind: Fleet) -> None:
    leases = LeaseTable(behind.url)
    await leases.prepare()
    taken = [(await leases.take(f"tenant:{n}", "me", at_most=2)).taken for n in range(4)]
    assert taken == [True, True, False, False]
    await leases.give_back("tenant:0", "me")
    assert (await leases.take("tenant:3", "me", at_most=2)).taken
    assert (await leases.take("start", "me")).taken
    await leases.close()


async def test_a_place_that_two_tenants_claim_is_not_touched(behind: Fleet) -> None:
    await behind.store.create(Tenant(id="7", identifier="other", schema_name="tenant_acme"))
    app = application(TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=60)))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 503
    assert behind.position("tenant_acme") == "t2"


async def test_who_leaves_does_not_take_the_migration_along(behind: Fleet) -> None:
    revision(behind.versions, "t5", "t4", BLOCKED)
    manager = TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=60))
    scope = {"type": "http", "headers": [(b"x-tenant-id", b"acme")]}
    async with manager:
        with locked(behind):
            first = asyncio.create_task(manager.resolve(scope))
            async with asyncio.timeout(60):
                while not tries(behind):
                    await asyncio.sleep(0.01)
            second = asyncio.create_task(manager.resolve(scope))
            await asyncio.sleep(0)
            first.cancel()
        assert (await second).identifier == "acme"
    assert behind.position("tenant_acme") == "t5"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_open_connections_go_on_after_a_migration(behind: Fleet, driver: str) -> None:
    url = str(behind.url).replace("postgresql://", f"postgresql+{driver}://")
    given = {"when_behind": "migrate", "migrate_wait_s": 60, "session_pool_size": 1}
    manager = TenancyManager(TenancyConfig(database_url=url, **given))
    tenant = await behind.store.get_by_identifier("acme")

    async def look() -> tuple[int, list[str]]:
        async with manager.tenant_session(tenant) as session:
            pid = await session.execute(text("SELECT pg_backend_pid()"))
            books = await session.execute(text("SELECT * FROM books"))
            return pid.scalar_one(), list(books.keys())

    async with manager:
        before = await look()
        assert await look() == before
        await manager.resolve({"type": "http", "headers": [(b"x-tenant-id", b"acme")]})
        after = await look()
    assert before[1] == ["id", "title"]
    assert after == (before[0], ["id", "title", "pages"])


async def test_a_request_that_may_not_wait_still_begins_the_migration(behind: Fleet) -> None:
    app = application(TenancyManager(behind.config(when_behind="migrate", migrate_wait_s=0)))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 503
        async with asyncio.timeout(60):
            while (await http.get("/whoami")).status_code != 200:
                pass
    assert tries(behind) == 1


async def test_a_role_that_may_not_make_the_table_is_told_so(behind: Fleet) -> None:
    with psycopg.connect(behind.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tenancy_leases (id int)")
    with pytest.raises(ConfigurationError, match="a table of that name is there that lacks name"):
        await TenancyManager(behind.config(when_behind="migrate")).initialize()


async def until(found: Callable[[], bool]) -> None:
    """Wait for something that comes about elsewhere."""
    async with asyncio.timeout(60):
        while not found():
            await asyncio.sleep(0.01)


async def test_a_lease_is_renewed_while_the_position_is_looked_at(
    behind: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "RENEWAL_S", 0.05)
    config = behind.config(when_behind="migrate", migrate_wait_s=60)
    with psycopg.connect(behind.url, autocommit=True) as watching:

        def waiting() -> bool:
            locks = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
            return watching.execute(locks, [table]).fetchone() is not None

        def held_until() -> float:
            row = watching.execute("SELECT until FROM tenancy_leases WHERE owner <> ''").fetchone()
            return 0.0 if row is None else float(row[0])

        async with TenancyManager(config) as manager:
            acme = await manager.tenant_store.get_by_identifier("acme")
            with psycopg.connect(behind.url) as looks, psycopg.connect(behind.url) as leases:
                table = "tenancy_leases"
                leases.execute("LOCK TABLE tenancy_leases")
                asking = asyncio.create_task(manager.revisions.admit(acme))
                await until(waiting)  # the gate has looked, and wants the lease
                table = "tenant_acme.alembic_version"
                looks.execute("LOCK TABLE tenant_acme.alembic_version")
                leases.rollback()
                await until(waiting)  # it has the lease, and looks again
                first = held_until()
                assert first
                await until(lambda: held_until() > first)
            await asking
    assert behind.position("tenant_acme") == "t4"
