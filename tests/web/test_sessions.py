"""Endpoints and their sessions: one tenant's rows, committed by the endpoint or not at all."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from sqlalchemy import text

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    TenantDep,
    TenantSessionDep,
)
from serving import client, started, websocket

NAMES = ("acme", "bolt")


@pytest.fixture
def notes(tenancy_database: str) -> None:
    """A table in the schema of two tenants, with the name of each in it."""
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        for name in NAMES:
            connection.execute(f"CREATE SCHEMA tenant_{name}".encode())
            connection.execute(f"CREATE TABLE tenant_{name}.notes (words text)".encode())
            connection.execute(f"INSERT INTO tenant_{name}.notes VALUES ('{name}')".encode())


@pytest.fixture(params=[True, False], ids=["middleware", "dependency"])
def app(
    request: pytest.FixtureRequest,
    config: TenancyConfig,
    store: SQLAlchemyTenantStore,
    notes: None,
) -> FastAPI:
    manager = TenancyManager(config)
    made = FastAPI(lifespan=manager.create_lifespan())
    if request.param:
        made.add_middleware(TenancyMiddleware, manager=manager)

    @made.get("/notes")
    async def listed(session: TenantSessionDep) -> list[str]:
        return [row.words for row in await session.execute(text("SELECT words FROM notes"))]

    @made.post("/notes/{end}")
    async def written(end: str, session: TenantSessionDep, tenant: TenantDep) -> None:
        await session.execute(
            text("INSERT INTO notes VALUES (:words)"), {"words": f"{tenant.identifier} {end}"}
        )
        if end == "raises":
            raise HTTPException(409)
        if end == "breaks":
            raise RuntimeError
        if end == "commits":
            await session.commit()

    @made.websocket("/ws")
    async def told(socket: WebSocket, session: TenantSessionDep) -> None:
        await socket.accept()
        await socket.send_text(str(await session.scalar(text("SELECT words FROM notes"))))
        await socket.close()

    return made


async def test_a_session_sees_the_tenant_of_its_request(app: FastAPI) -> None:
    async with started(app), client(app) as http:

        async def read(name: str) -> None:
            answer = await http.get("/notes", headers={"X-Tenant-ID": name})
            assert answer.json() == [name]

        await asyncio.gather(*(read(name) for name in NAMES * 30))


@pytest.mark.parametrize(
    ("end", "status", "kept"),
    [
        ("commits", 200, ["acme", "acme commits"]),
        ("forgets", 200, ["acme"]),
        ("raises", 409, ["acme"]),
        ("breaks", 500, ["acme"]),
    ],
)
async def test_only_what_is_committed_stays(
    app: FastAPI, end: str, status: int, kept: list[str]
) -> None:
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.post(f"/notes/{end}")).status_code == status
        assert (await http.get("/notes")).json() == kept
        bolt = await http.get("/notes", headers={"X-Tenant-ID": "bolt"})
        assert bolt.json() == ["bolt"]


async def test_whoever_is_not_served_gets_no_session(app: FastAPI) -> None:
    async with started(app), client(app) as http:
        for headers in ({}, {"X-Tenant-ID": "idle"}, {"X-Tenant-ID": "nobody"}):
            answer = await http.get("/notes", headers=headers)
            assert answer.status_code == 404


async def test_a_websocket_may_have_a_session(app: FastAPI) -> None:
    async with started(app):
        sent = await websocket(app, x__tenant__id="bolt")
    assert sent[1]["text"] == "bolt"


async def test_outside_of_requests_a_session_is_opened_by_hand(
    config: TenancyConfig, notes: None
) -> None:
    async with TenancyManager(config) as manager:
        for name in NAMES:
            async with manager.tenant_session(Tenant(id=name, identifier=name)) as session:
                assert await session.scalar(text("SELECT words FROM notes")) == name
