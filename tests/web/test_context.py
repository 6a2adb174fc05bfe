"""The tenant of a request never gets into another request."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from fastapi_tenancy import (
    InMemoryTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    TenantDep,
    current_request_tenant,
)
from serving import client

NAMES = [f"tenant-{n}" for n in range(40)]


def here() -> str | None:
    tenant = current_request_tenant()
    return None if tenant is None else tenant.identifier


@pytest.fixture
def after() -> list[tuple[str, str | None]]:
    """What background tasks saw: the tenant they were started for, and the one they found."""
    return []


@pytest.fixture
def app(after: list[tuple[str, str | None]]) -> FastAPI:
    store = InMemoryTenantStore(Tenant(id=name, identifier=name) for name in NAMES)
    made = FastAPI()
    made.add_middleware(
        TenancyMiddleware,
        manager=TenancyManager(TenancyConfig(cache_ttl_s=0), store),
        exclude=["/nobody"],
    )

    def later(name: str) -> None:
        after.append((name, here()))

    async def later_in_the_loop(name: str) -> None:
        await asyncio.sleep(0)
        after.append((name, here()))

    @made.get("/async")
    async def in_the_loop(
        tenant: TenantDep, request: Request, tasks: BackgroundTasks
    ) -> list[str | None]:
        tasks.add_task(later, tenant.identifier)
        tasks.add_task(later_in_the_loop, tenant.identifier)
        await asyncio.sleep(random.random() / 200)
        child = await asyncio.create_task(asyncio.to_thread(here))
        return [tenant.identifier, request.state.tenant.identifier, here(), child]

    @made.get("/sync")
    def in_a_thread(
        tenant: TenantDep, request: Request, tasks: BackgroundTasks
    ) -> list[str | None]:
        tasks.add_task(later, tenant.identifier)
        return [tenant.identifier, request.state.tenant.identifier, here(), here()]

    @made.get("/stream")
    async def stream(tenant: TenantDep) -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            for _ in range(3):
                await asyncio.sleep(0)
                yield f"{here()} "

        return StreamingResponse(words())

    @made.get("/fails")
    async def fails(tenant: TenantDep) -> None:
        raise HTTPException(418, here())

    @made.get("/breaks")
    async def breaks(tenant: TenantDep) -> None:
        raise RuntimeError

    @made.get("/waits")
    async def waits() -> None:
        await asyncio.Event().wait()

    @made.get("/nobody")
    def nobody() -> str | None:
        return here()

    return made


async def ask(http: httpx.AsyncClient, name: str, path: str) -> None:
    answer = await http.get(path, headers={"X-Tenant-ID": name})
    match path:
        case "/async" | "/sync":
            assert answer.json() == [name] * 4
        case "/stream":
            assert answer.text.split() == [name] * 3
        case "/fails":
            assert (answer.status_code, answer.json()) == (418, {"detail": name})
        case "/breaks":
            assert answer.status_code == 500
        case "/nobody":
            assert answer.json() is None


async def cancelled(http: httpx.AsyncClient, name: str) -> None:
    waiting = asyncio.create_task(http.get("/waits", headers={"X-Tenant-ID": name}))
    for _ in range(random.randrange(6)):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_many_requests_at_once_see_each_their_own(
    app: FastAPI, after: list[tuple[str, str | None]]
) -> None:
    paths = ["/async", "/sync", "/stream", "/fails", "/breaks", "/nobody"]
    async with client(app) as http:
        work = [ask(http, random.choice(NAMES), path) for path in paths * 60]
        work += [cancelled(http, random.choice(NAMES)) for _ in range(60)]
        random.shuffle(work)
        await asyncio.gather(*work)
    assert len(after) == 3 * 60
    assert all(started_for == found for started_for, found in after)
    assert here() is None


async def test_one_request_after_another_in_one_task_leaves_nothing(app: FastAPI) -> None:
    async with client(app) as http:
        for path in ("/async", "/sync", "/fails", "/breaks"):
            await ask(http, "tenant-1", path)
            assert here() is None
            await ask(http, "tenant-2", "/nobody")


def test_a_thread_that_serves_many_tenants_keeps_none(app: FastAPI) -> None:
    async def serve(one: ThreadPoolExecutor) -> None:
        asyncio.get_running_loop().set_default_executor(one)
        async with client(app) as http:
            await asyncio.gather(*(ask(http, name, "/async") for name in NAMES))
        assert await asyncio.wrap_future(one.submit(here)) is None

    asyncio.run(serve(ThreadPoolExecutor(1)))
