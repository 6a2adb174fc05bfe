"""WebSockets: served with their tenant, or refused before they are accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    TenantDep,
    current_request_tenant,
)
from servers import served
from serving import started, websocket

NOBODY = "The request names no tenant that is served here."
AWAY = TenancyConfig(database_url="postgresql://u:geheim@127.0.0.1:1/none", connect_timeout_s=2)


def app_of(manager: TenancyManager, *, middleware: bool) -> FastAPI:
    app = FastAPI(lifespan=manager.create_lifespan())
    if middleware:
        app.add_middleware(TenancyMiddleware, manager=manager)

    @app.websocket("/ws")
    async def greet(socket: WebSocket, tenant: TenantDep) -> None:
        seen = current_request_tenant()
        assert (seen == tenant) is middleware
        await socket.accept()
        await socket.send_text(tenant.identifier)
        await socket.close()

    return app


@pytest.fixture(params=[True, False], ids=["middleware", "dependency"])
def app(
    request: pytest.FixtureRequest, config: TenancyConfig, store: SQLAlchemyTenantStore
) -> FastAPI:
    return app_of(TenancyManager(config), middleware=request.param)


async def test_it_is_served_with_its_tenant(app: FastAPI) -> None:
    async with started(app):
        sent = await websocket(app, x__tenant__id="acme")
    assert [one["type"] for one in sent] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert sent[1]["text"] == "acme"


@pytest.mark.parametrize("headers", [{}, {"x__tenant__id": "nobody"}, {"x__tenant__id": "idle"}])
async def test_it_is_refused_with_a_response_where_the_server_can(
    app: FastAPI, headers: dict[str, str]
) -> None:
    async with started(app):
        start, body = await websocket(app, **headers)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert json.loads(body["body"])["detail"] == NOBODY


async def test_it_is_closed_before_it_is_accepted_where_the_server_can_not(app: FastAPI) -> None:
    async with started(app):
        (close,) = await websocket(app, denial=False, x__tenant__id="nobody")
    assert close == {"type": "websocket.close", "code": 1008, "reason": NOBODY}


@pytest.mark.parametrize("middleware", [True, False])
async def test_it_is_told_to_come_again_where_the_catalogue_is_away(middleware: bool) -> None:
    manager = TenancyManager(AWAY)
    app = app_of(manager, middleware=middleware)
    app.state.tenancy = manager
    (close,) = await websocket(app, denial=False, x__tenant__id="acme")
    assert (close["type"], close["code"]) == ("websocket.close", 1013)
    start, _ = await websocket(app, x__tenant__id="acme")
    found: dict[bytes, Any] = dict(start["headers"])
    assert (start["status"], found[b"retry-after"]) == (503, b"1")
    await manager.shutdown()


async def test_a_server_serves_one_and_refuses_another(app: FastAPI) -> None:
    with served(app) as url:
        address = url.replace("http:", "ws:") + "/ws"
        async with connect(address, additional_headers={"X-Tenant-Id": "acme"}) as socket:
            assert await socket.recv() == "acme"
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, additional_headers={"X-Tenant-Id": "nobody"}):
                pass
    answer = refused.value.response
    assert (answer.status_code, json.loads(answer.body)["detail"]) == (404, NOBODY)
