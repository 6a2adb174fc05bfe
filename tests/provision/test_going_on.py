"""A creation that was not finished: what it leaves, and the call that goes on from there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import SQLAlchemyTenantStore, TenantStatus
from fastapi_tenancy.errors import ConfigurationError, ProvisioningError, TenantExistsError
from fastapi_tenancy.provision.creating import create_tenant, id_of
from several import ini, located, revision, scripts, shop
from shelf import BOOKS, WAITS, Shelf, tenant

Store = SQLAlchemyTenantStore
PROGRAM = """
import asyncio
from fastapi_tenancy import SQLAlchemyTenantStore, TenancyConfig, Tenant
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.provision.creating import create_tenant

async def main(url):
    store = SQLAlchemyTenantStore(url)
    isolation = open_isolation(TenancyConfig(database_url=url))
    await create_tenant(Tenant(id="id-acme", identifier="acme"), store=store, isolation=isolation)

asyncio.run(main({url!r}))
"""


async def _until_somebody_waits(shelf: Shelf) -> None:
    query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(shelf.rows, query):
            await asyncio.sleep(0.02)


async def test_a_revision_that_fails_leaves_a_row_and_no_schema(shelf: Shelf, store: Store) -> None:
    broken = shelf.revision("b3", "b2", 'op.execute("SELECT no_such_function()")')
    isolation = shelf.isolation()
    with pytest.raises(ProvisioningError, match=r"'acme' is not finished.*no_such_function"):
        await create_tenant(tenant(), store=store, isolation=isolation)
    begun = await store.get_by_identifier("acme")
    assert (begun.status, shelf.schemas()) == (TenantStatus.PROVISIONING, [])
    broken.unlink()
    made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert made == replace(begun, status=TenantStatus.ACTIVE, updated_at=made.updated_at)
    assert shelf.stands("tenant_acme") == ["b2"]


async def test_what_was_committed_before_a_failure_is_gone_on_from(
    shelf: Shelf, store: Store
) -> None:
    block = 'with op.get_context().autocommit_block():\n    op.execute("VACUUM books")'
    shelf.revision("b3", "b2", block)
    broken = shelf.revision("b4", "b3", 'op.execute("SELECT no_such_function()")')
    with pytest.raises(ProvisioningError):
        await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert shelf.stands("tenant_acme") == ["b3"]
    broken.unlink()
    await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert shelf.stands("tenant_acme") == ["b3"]


async def test_a_killed_process_is_gone_on_from(
    shelf: Shelf, store: Store, gate: psycopg.Connection
) -> None:
    shelf.revision("b3", "b2", WAITS)
    program = [sys.executable, "-c", PROGRAM.format(url=str(shelf.url))]
    with subprocess.Popen(program, cwd=shelf.folder) as process:
        await _until_somebody_waits(shelf)
        process.kill()
    assert (await store.get_by_identifier("acme")).status is TenantStatus.PROVISIONING
    gate.close()
    made = await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert (made.status, shelf.stands("tenant_acme")) == (TenantStatus.ACTIVE, ["b3"])


async def test_a_cancelled_call_is_gone_on_from(
    shelf: Shelf, store: Store, gate: psycopg.Connection
) -> None:
    shelf.revision("b3", "b2", WAITS)
    isolation = shelf.isolation()
    task = asyncio.create_task(create_tenant(tenant(), store=store, isolation=isolation))
    await _until_somebody_waits(shelf)
    task.cancel()
    await asyncio.to_thread(gate.close)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await store.get_by_identifier("acme")).status is TenantStatus.PROVISIONING
    made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert made.status is TenantStatus.ACTIVE


async def test_a_second_call_helps_the_first_and_one_of_them_is_told(
    shelf: Shelf, store: Store, gate: psycopg.Connection
) -> None:
    shelf.revision("b3", "b2", WAITS)
    isolation = shelf.isolation()
    first = asyncio.create_task(create_tenant(tenant(), store=store, isolation=isolation))
    await _until_somebody_waits(shelf)
    second = asyncio.create_task(create_tenant(tenant(), store=store, isolation=isolation))
    await asyncio.to_thread(gate.close)
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["Tenant", "TenantExistsError"], results
    assert shelf.stands("tenant_acme") == ["b3"]


@pytest.mark.parametrize(
    "other",
    [
        {"id": "another"},
        {"name": "Another"},
        {"tags": {"tier": "gold"}},
        {"schema_name": "another"},
        {"host": "another.example"},
    ],
)
async def test_whoever_says_something_else_does_not_go_on(
    shelf: Shelf, store: Store, other: dict[str, Any]
) -> None:
    begun = await store.create(tenant(status=TenantStatus.PROVISIONING))
    (field,) = other
    with pytest.raises(
        TenantExistsError, match=f"being created already .* now differs in: {field}. Say the same"
    ):
        await create_tenant(tenant(**other), store=store, isolation=shelf.isolation())
    assert await store.get_by_identifier("acme") == begun
    assert shelf.schemas() == []


async def test_the_id_of_one_that_is_not_finished_is_found(shelf: Shelf, store: Store) -> None:
    await store.create(tenant(status=TenantStatus.PROVISIONING))
    assert await id_of(store, "acme") == "id-acme"
    await store.create(tenant("bolt"))
    assert await id_of(store, "bolt") != "id-bolt"
    assert await id_of(store, "crux") != await id_of(store, "crux")


async def test_one_whose_place_has_become_anothers_is_not_finished(
    shelf: Shelf, store: Store
) -> None:
    await store.create(tenant("a-b", status=TenantStatus.PROVISIONING))
    await store.create(tenant("bolt", schema_name="tenant_a_b"))
    with pytest.raises(TenantExistsError, match="belongs to tenant 'bolt'"):
        await create_tenant(tenant("a-b"), store=store, isolation=shelf.isolation())
    assert (await store.get_by_identifier("a-b")).status is TenantStatus.PROVISIONING
    assert shelf.schemas() == []


async def test_one_that_was_ended_meanwhile_stays_ended(
    shelf: Shelf, store: Store, gate: psycopg.Connection
) -> None:
    shelf.revision("b3", "b2", WAITS)
    isolation = shelf.isolation()
    task = asyncio.create_task(create_tenant(tenant(), store=store, isolation=isolation))
    await _until_somebody_waits(shelf)
    await store.delete("id-acme")
    await asyncio.to_thread(gate.close)
    with pytest.raises(TenantExistsError, match="is deleted"):
        await task
    assert (await store.get_by_identifier("acme")).status is TenantStatus.DELETED


async def test_a_tenant_waits_for_what_is_shared(
    bare: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_folder = bare.folder / "shop"
    shop_folder.mkdir()
    shop(shop_folder)
    monkeypatch.chdir(shop_folder)
    isolation = bare.isolation()
    with pytest.raises(ProvisioningError, match="waits for 'shared'") as caught:
        await create_tenant(tenant(), store=store, isolation=isolation)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert bare.schemas() == []
    subprocess.run(
        [sys.executable, "-m", "fastapi_tenancy", "upgrade", "--track", "shared"],
        env={"TENANCY_DATABASE_URL": bare.url, "PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
    )
    made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert (made.status, bare.stands("tenant_acme")) == (TenantStatus.ACTIVE, ["t1"])


async def test_every_history_of_tenants_is_gone_through(
    bare: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bare.folder / "apps"
    folder.mkdir()
    monkeypatch.chdir(folder)
    ini(folder / "alembic.ini", {"books": located("books"), "music": located("music")})
    (folder / "tenancy.toml").write_text(
        '[tracks.books]\nscope = "tenant"\nalembic_section = "books"\n'
        '[tracks.music]\nscope = "tenant"\nalembic_section = "music"\n'
    )
    revision(scripts(folder / "books"), "k1", None, BOOKS)
    records = 'op.create_table("records", sa.Column("id", sa.Integer))'
    revision(scripts(folder / "music", 'version_table="music"'), "m1", None, records)
    await create_tenant(tenant(), store=store, isolation=bare.isolation())
    assert bare.stands("tenant_acme") == ["k1"]
    assert bare.rows("SELECT version_num FROM tenant_acme.music") == [("m1",)]


def test_the_error_says_what_to_do() -> None:
    told = str(ProvisioningError("acme", ConfigurationError("the server is down.")))
    assert told == (
        "tenant 'acme' is not finished: the server is down. It stays 'provisioning': once that is"
        " put right, create it again with the same values, and it goes on from there"
    )
