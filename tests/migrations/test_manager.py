"""TenantMigrationManager as its documentation shows it, on an ordinary Alembic project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy import (
    InMemoryTenantStore,
    IsolationStrategy,
    SQLAlchemyTenantStore,
    TenancyConfig,
    Tenant,
    TenantMigrationManager,
    TenantStatus,
)
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError
from fastapi_tenancy.model.event import Event, TargetFinished
from notes_history import write_revision

Rows = Callable[[str], list[tuple[object, ...]]]
pytestmark = pytest.mark.anyio


@pytest.fixture
def manager(config: TenancyConfig, store: InMemoryTenantStore) -> TenantMigrationManager:
    return TenantMigrationManager(config=config, store=store, alembic_cfg_path="alembic.ini")


async def test_every_tenant_is_migrated_and_told_of(manager: TenantMigrationManager, rows: Rows):
    results = await manager.upgrade_all(revision="head", concurrency=4)

    assert [r["identifier"] for r in results] == [f"shop-{n}" for n in range(6)]
    assert {r["tenant_id"] for r in results} == {f"id-{n}" for n in range(6)}
    assert all(r["success"] and r["revision"] == "r3" and r["error"] is None for r in results)
    for n in range(6):
        assert rows(f"SELECT body FROM tenant_shop_{n}.notes") == [("once",)]
    assert rows("SELECT to_regclass('public.notes')") == [(None,)]


async def test_one_tenant_up_and_down(manager: TenantMigrationManager, tenants: list[Tenant]):
    assert await manager.get_current_revision(tenants[0]) is None
    result = await manager.upgrade_tenant(tenants[0], revision="head")
    assert (result["success"], result["revision"]) == (True, "r3")
    assert await manager.get_current_revision(tenants[0]) == "r3"
    assert await manager.get_current_revision(tenants[1]) is None

    await manager.downgrade_tenant(tenants[0], revision="-1")
    assert await manager.get_current_revision(tenants[0]) == "r2"


async def test_all_go_down_a_revision(manager: TenantMigrationManager, rows: Rows):
    await manager.upgrade_all()
    results = await manager.downgrade_all(revision="-1")
    assert {r["revision"] for r in results} == {"r2"}
    assert rows("SELECT count(*) FROM tenant_shop_3.notes") == [(0,)]


async def test_one_failing_tenant_is_one_failing_tenant(
    manager: TenantMigrationManager, rows: Rows, folder: Path
):
    await manager.upgrade_all()
    rows("INSERT INTO tenant_shop_2.notes (body) VALUES ('twice'), ('twice') RETURNING id")
    write_revision(folder, "r4", "r3", 'op.create_unique_constraint("uq", "notes", ["body"])')

    results = await manager.upgrade_all()

    failed = [r for r in results if not r["success"]]
    assert [r["identifier"] for r in failed] == ["shop-2"]
    assert failed[0]["revision"] == "r3"
    assert "r4" in (failed[0]["error"] or "")
    assert "twice" in (failed[0]["error"] or "")
    assert {r["revision"] for r in results if r["success"]} == {"r4"}


async def test_a_single_failure_is_raised(
    manager: TenantMigrationManager, tenants: list[Tenant], folder: Path
):
    write_revision(folder, "r4", "r3", 'op.execute("SELECT no_such_column")')
    with pytest.raises(MigrationFailedError, match=r"shop-0.*r4.*no_such_column"):
        await manager.upgrade_tenant(tenants[0])


async def test_a_tenant_whose_schema_another_claims_is_not_touched(
    manager: TenantMigrationManager, store: InMemoryTenantStore, tenants: list[Tenant], rows: Rows
):
    await manager.upgrade_tenant(tenants[0], revision="r2")
    rival = await store.create(Tenant(id="x", identifier="rival", schema_name="tenant_shop_0"))
    told = r"'shop-0', 'rival' all claim the schema 'tenant_shop_0'.*give each one its own"
    with pytest.raises(MigrationFailedError, match=told):
        await manager.upgrade_tenant(tenants[0])
    with pytest.raises(MigrationFailedError, match="all claim the schema"):
        await manager.upgrade_tenant(rival)
    with pytest.raises(MigrationFailedError, match="all claim the schema"):
        await manager.downgrade_tenant(tenants[0], revision="base")
    assert rows("SELECT version_num FROM tenant_shop_0.alembic_version") == [("r2",)]
    assert (await manager.upgrade_tenant(tenants[1]))["identifier"] == "shop-1"
    await store.delete("x")
    assert (await manager.upgrade_tenant(tenants[0]))["revision"] == "r3"


async def test_a_catalogue_that_is_not_made_yet_stands_in_nobodys_way(
    config: TenancyConfig, tenants: list[Tenant]
):
    nothing = SQLAlchemyTenantStore("sqlite:///nothing.db")
    done = await TenantMigrationManager(config, nothing).upgrade_tenant(tenants[0])
    await nothing.close()
    assert done["success"]


async def test_one_of_those_that_share_tables_is_migrated_with_all(
    config: TenancyConfig, store: InMemoryTenantStore, tenants: list[Tenant], rows: Rows
):
    shared = config.model_copy(update={"isolation_strategy": IsolationStrategy.RLS})
    done = await TenantMigrationManager(shared, store).upgrade_tenant(tenants[3])
    assert (done["tenant_id"], done["success"]) == ("id-3", True)
    assert rows("SELECT version_num FROM alembic_version") == [("r3",)]


async def test_a_wrong_request_changes_nothing(manager: TenantMigrationManager, rows: Rows):
    with pytest.raises(ConfigurationError, match="no revision 'r9'"):
        await manager.upgrade_all(revision="r9")
    with pytest.raises(ConfigurationError, match="at least 1"):
        await manager.upgrade_all(concurrency=0)
    with pytest.raises(ConfigurationError, match="a concurrency of 1000 needs"):
        await manager.upgrade_all(concurrency=1000)
    assert rows("SELECT to_regclass('tenant_shop_0.alembic_version')") == [(None,)]


async def test_arguments_of_a_wrong_type_are_refused_in_words(
    manager: TenantMigrationManager, rows: Rows
):
    wrong: list[tuple[str, Any]] = [("concurrency", "5"), ("revision", None), ("revision", 2)]
    wrong += [("statuses", "active"), ("statuses", ["nope"]), ("statuses", 3)]
    for name, value in wrong:
        with pytest.raises(ConfigurationError, match=f"{name} (is|holds) .*; expected"):
            await manager.upgrade_all(**{name: value})
    for given in ("t01", None):
        for call in (manager.upgrade_tenant, manager.get_current_revision):
            with pytest.raises(ConfigurationError, match=f"expected a Tenant, got {given!r}"):
                await call(given)  # type: ignore[operator, arg-type]
    assert rows("SELECT to_regclass('tenant_shop_0.alembic_version')") == [(None,)]


async def test_a_status_may_be_named_by_its_value(manager: TenantMigrationManager):
    assert len(await manager.upgrade_all(statuses=["active"])) == 6


async def test_suspended_tenants_are_migrated_and_deleted_ones_are_not(
    manager: TenantMigrationManager, store: InMemoryTenantStore, tenants: list[Tenant]
):
    await store.update(replace(tenants[0], status=TenantStatus.SUSPENDED))
    await store.delete("id-1")
    assert {r["identifier"] for r in await manager.upgrade_all()} == {
        "shop-0",
        "shop-2",
        "shop-3",
        "shop-4",
        "shop-5",
    }
    narrowed = await manager.upgrade_all(statuses=[TenantStatus.SUSPENDED])
    assert [r["identifier"] for r in narrowed] == ["shop-0"]


async def test_overlapping_calls_apply_each_revision_once(
    manager: TenantMigrationManager, rows: Rows
):
    everything = await asyncio.gather(*(manager.upgrade_all(concurrency=3) for _ in range(3)))
    assert all(r["success"] for results in everything for r in results)
    for n in range(6):
        assert rows(f"SELECT body FROM tenant_shop_{n}.notes") == [("once",)]


class _LoopBoundStore(InMemoryTenantStore):
    """A catalogue that answers only while its own event loop goes on running."""

    def __init__(self, tenants: list[Tenant]) -> None:
        super().__init__(tenants)
        self.loops: set[int] = set()

    async def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        self.loops.add(id(asyncio.get_running_loop()))
        ticked = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, ticked.set)
        await ticked.wait()
        async for tenant in super().stream(batch):
            yield tenant


async def test_the_event_loop_keeps_running_and_owns_the_store(
    config: TenancyConfig, tenants: list[Tenant]
):
    store = _LoopBoundStore(tenants)
    results = await asyncio.wait_for(TenantMigrationManager(config, store).upgrade_all(), 30)
    assert all(r["success"] for r in results)
    assert store.loops == {id(asyncio.get_running_loop())}


async def test_a_cancelled_call_starts_no_new_tenant(
    config: TenancyConfig, store: InMemoryTenantStore, folder: Path, rows: Rows
):
    write_revision(folder, "r4", "r3", 'op.execute("SELECT pg_sleep(0.2)")')
    loop, first = asyncio.get_running_loop(), asyncio.Event()

    def listener(event: Event) -> None:
        if isinstance(event, TargetFinished):
            loop.call_soon_threadsafe(first.set)

    manager = TenantMigrationManager(config, store, listener=listener)
    task = asyncio.ensure_future(manager.upgrade_all(concurrency=1))
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    versions = [rows(f"SELECT to_regclass('tenant_shop_{n}.notes')")[0][0] for n in range(6)]
    assert versions[0] is not None
    assert versions[-1] is None
    positions = [
        rows(f"SELECT version_num FROM tenant_shop_{n}.alembic_version")
        for n, found in enumerate(versions)
        if found
    ]
    assert all(p == [("r4",)] for p in positions)
