"""Work that waits keeps nobody else's from being done."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from fastapi_tenancy import TenancyConfig, TenancyManager, Tenant
from fastapi_tenancy.errors import UnavailableError
from fleet import Fleet

PATIENCE_S = 60


@pytest.fixture
async def one_thread() -> None:
    """What ``asyncio.to_thread`` has on a machine where everybody uses it already."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"postgresql://app:secret@127.0.0.1:{listening.getsockname()[1]}/shop"


async def test_many_runs_at_once_all_come_to_an_end(fleet: Fleet, one_thread: None) -> None:
    migrator = fleet.migrator()
    await migrator.upgrade_all("t3", create=True)
    async with asyncio.timeout(PATIENCE_S):
        ended = await asyncio.gather(*(migrator.upgrade_all() for _ in range(8)))
    assert all(result["success"] for results in ended for result in results)


async def test_a_start_that_migrates_needs_nobodys_thread(fleet: Fleet, one_thread: None) -> None:
    await fleet.at("t1")
    async with asyncio.timeout(PATIENCE_S), TenancyManager(fleet.config(migrate_at_start="all")):
        assert {fleet.position(f"tenant_{name}") for name in ("acme", "bolt", "coil")} == {"t3"}


async def test_a_silent_server_holds_up_its_own_tenants_only(
    fleet: Fleet, silent: str, one_thread: None
) -> None:
    config = TenancyConfig(
        catalogue_url=fleet.url,
        shards={"well": {"url": fleet.url}, "silent": {"url": silent}},
        when_behind="refuse",
        connect_timeout_s=4,
    )
    away = [Tenant(id=f"away{n}", identifier=f"away{n}", shard="silent") for n in range(12)]
    well = Tenant(id="well", identifier="well", shard="well")
    async with TenancyManager(config) as manager:
        well = await manager.create_tenant(well)
        asked = [asyncio.ensure_future(_admitted(manager, tenant)) for tenant in away]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await manager.tenant_store.get_by_identifier("well")
        await manager.revisions.admit(well)
        assert time.monotonic() - began < 2
        async with asyncio.timeout(8):  # one of them waits for the server, and all are told
            assert not any(await asyncio.gather(*asked))


async def _admitted(manager: TenancyManager, tenant: Tenant) -> bool:
    with suppress(UnavailableError):
        await manager.revisions.admit(tenant)
        return True
    return False
