"""A tenant whose place is away: its clients are told to come again, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import psycopg
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    TenantDep,
    TenantSessionDep,
)
from fastapi_tenancy.errors import TenantUnavailableError, UnavailableError
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.web.dependencies import manager_of
from fastapi_tenancy.web.problems import answer_unavailable
from serving import client, started, websocket

READ = text("SELECT words FROM notes")
LATER = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "The request cannot be served at the moment. Try again later.",
}
CUT_SHORT = "The request could not be completed. A part of it may have been carried out."
ACME, BOLT, AWAY = ({"X-Tenant-ID": name} for name in ("acme", "bolt", "away"))


async def by_hand(request: Request, tenant: TenantDep) -> AsyncIterator[AsyncSession]:
    async with manager_of(request).tenant_session(tenant) as session:
        yield session


async def streaming(app: Any, sent: list[str]) -> None:
    """Ask for what fails after it has begun, and tell what kinds of messages were sent."""

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"x-tenant-id", b"away")]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/streamed"}
    scope |= {"asgi": {"spec_version": "2.4"}, "query_string": b"", "headers": headers}
    await app(scope, receive, send)


def add_endpoints(app: FastAPI) -> None:
    @app.get("/notes")
    async def listed(session: TenantSessionDep) -> list[str]:
        return list(await session.scalars(READ))

    @app.get("/by-hand")
    async def opened(request: Request, tenant: TenantDep) -> list[str]:
        async with manager_of(request).tenant_session(tenant) as session:
            return list(await session.scalars(READ))

    @app.get("/depends")
    async def depends(session: Annotated[AsyncSession, Depends(by_hand)]) -> list[str]:
        return list(await session.scalars(READ))

    @app.post("/lost/{kept}")
    async def lost(kept: bool, session: TenantSessionDep) -> None:
        if kept:
            await session.execute(text("INSERT INTO notes VALUES ('more')"))
            await session.commit()
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    @app.get("/wrong")
    async def wrong(session: TenantSessionDep) -> None:
        await session.execute(text("SELECT nothing"))

    @app.get("/streamed")
    async def streamed(request: Request, tenant: TenantDep) -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            yield "begun "
            async with manager_of(request).tenant_session(tenant) as session:
                yield str(await session.scalar(READ))

        return StreamingResponse(words())

    @app.websocket("/ws")
    async def early(socket: WebSocket, session: TenantSessionDep) -> None:
        words = str(await session.scalar(READ))
        await socket.accept()
        await socket.send_text(words)
        await socket.close()

    @app.websocket("/ws/{how}")
    async def late(socket: WebSocket, tenant: TenantDep, how: str) -> None:
        await socket.accept()
        if how == "closed":
            await socket.close()
        async with manager_of(socket).tenant_session(tenant) as session:
            await socket.send_text(str(await session.scalar(READ)))


@pytest.fixture
async def tenants(store: SQLAlchemyTenantStore, tenancy_database: str) -> None:
    """Two with a schema, and one whose server takes no connections."""
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        for name in ("acme", "bolt"):
            connection.execute(f"CREATE SCHEMA tenant_{name}".encode())
            connection.execute(f"CREATE TABLE tenant_{name}.notes (words text)".encode())
            connection.execute(f"INSERT INTO tenant_{name}.notes VALUES ('{name}')".encode())
    url = DatabaseUrl("postgresql://app:geheim@127.0.0.1:1/secret_shop")
    alone = IsolationStrategy.DATABASE
    away = Tenant(id="9", identifier="away", isolation_strategy=alone, database_url=url)
    await store.save_all([away])


@pytest.fixture
def manager(tenancy_database: str, tenants: None, config: TenancyConfig) -> TenancyManager:
    settings = {"isolation_strategy": "hybrid", "standard_isolation_strategy": "schema"}
    return TenancyManager(TenancyConfig(database_url=tenancy_database, **settings))


def made(manager: TenancyManager, *, middleware: bool) -> FastAPI:
    app = FastAPI(lifespan=manager.create_lifespan())
    if middleware:
        app.add_middleware(TenancyMiddleware, manager=manager)
    add_endpoints(app)
    return app


@pytest.fixture(params=[True, False], ids=["middleware", "dependency"])
def app(request: pytest.FixtureRequest, manager: TenancyManager) -> FastAPI:
    return made(manager, middleware=request.param)


@pytest.mark.parametrize("path", ["/notes", "/by-hand", "/depends"])
async def test_its_clients_are_told_to_come_again_and_the_log_says_why(
    app: FastAPI, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(app), client(app) as http:
        answer = await http.get(path, headers=AWAY)
        assert (await http.get(path, headers=ACME)).json() == ["acme"]
    assert (answer.status_code, answer.json()) == (503, LATER)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    (record,) = [r for r in caplog.records if r.name == "fastapi_tenancy"]
    assert record.levelno == logging.WARNING
    told = record.getMessage()
    assert told.startswith(f"GET '{path}' refused: the tenant 'away' cannot be served: ")
    assert "127.0.0.1" in told
    assert "geheim" not in told


async def test_a_schema_that_is_gone_concerns_nobody_else(
    app: FastAPI, tenancy_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(app), client(app) as http:
        assert (await http.get("/notes", headers=ACME)).json() == ["acme"]
        with psycopg.connect(tenancy_database) as connection:
            connection.execute("DROP SCHEMA tenant_acme CASCADE")
        for _ in range(2):
            answer = await http.get("/notes", headers=ACME)
            assert (answer.status_code, answer.json()) == (503, LATER)
            assert answer.headers["retry-after"] == "5"
        assert (await http.get("/notes", headers=BOLT)).json() == ["bolt"]
    assert "the tenant 'acme' has no schema 'tenant_acme' here" in caplog.text


@pytest.mark.parametrize("kept", [False, True])
async def test_whoever_may_do_something_twice_is_not_told_to_come_again(
    app: FastAPI, kept: bool
) -> None:
    async with started(app), client(app) as http:
        answer = await http.post(f"/lost/{kept}", headers=ACME)
        words = (await http.get("/notes", headers=ACME)).json()
    assert answer.status_code == 503
    assert answer.json()["detail"] == (CUT_SHORT if kept else LATER["detail"])
    assert ("retry-after" in answer.headers) is not kept
    assert words == (["acme", "more"] if kept else ["acme"])


async def test_what_an_endpoint_does_wrong_is_no_outage(app: FastAPI) -> None:
    async with started(app), client(app) as http:
        assert (await http.get("/wrong", headers=ACME)).status_code == 500


@pytest.mark.parametrize("middleware", [True, False])
async def test_an_answer_that_has_begun_is_not_begun_again(
    manager: TenancyManager, middleware: bool
) -> None:
    app, sent = made(manager, middleware=middleware), list[str]()
    async with started(app):
        with pytest.raises(Exception, match=r"cannot be served|already started"):
            await streaming(app, sent)
    assert sent == ["http.response.start", "http.response.body"]


async def test_a_websocket_is_refused_or_closed(app: FastAPI) -> None:
    async with started(app):
        start, body = await websocket(app, x__tenant__id="away")
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
        assert dict(start["headers"])[b"retry-after"] == b"1"
        assert json.loads(body["body"]) == LATER
        (close,) = await websocket(app, denial=False, x__tenant__id="away")
        assert (close["type"], close["code"]) == ("websocket.close", 1013)
        for denial in (True, False):
            accept, close = await websocket(app, "/ws/open", denial=denial, x__tenant__id="away")
            assert accept["type"] == "websocket.accept"
            assert (close["type"], close["code"]) == ("websocket.close", 1013)
            assert close["reason"] == LATER["detail"]
        assert (await websocket(app, x__tenant__id="bolt"))[1]["text"] == "bolt"


async def test_a_websocket_that_was_closed_is_left_in_peace(app: FastAPI) -> None:
    async with started(app):
        sent = await websocket(app, "/ws/closed", x__tenant__id="away")
    assert [one["type"] for one in sent] == ["websocket.accept", "websocket.close"]


async def test_any_asgi_application_behind_the_middleware_is_answered_for(
    manager: TenancyManager,
) -> None:
    async def notes(request: Request) -> JSONResponse:
        async with manager.tenant_session(request.state.tenant) as session:
            return JSONResponse(list(await session.scalars(READ)))

    async def late(socket: WebSocket) -> None:
        await socket.accept()
        async with manager.tenant_session(socket.state.tenant) as session:
            await session.scalar(READ)

    async def streamed(request: Request) -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            yield "begun "
            async with manager.tenant_session(request.state.tenant) as session:
                yield str(await session.scalar(READ))

        return StreamingResponse(words())

    routes = [Route("/notes", notes), Route("/streamed", streamed), WebSocketRoute("/ws", late)]
    app = Starlette(routes=routes)
    app.add_middleware(TenancyMiddleware, manager=manager)
    async with client(app) as http:
        assert (await http.get("/notes", headers=AWAY)).json() == LATER
        assert (await http.get("/notes", headers=BOLT)).json() == ["bolt"]
    accept, close = await websocket(app, x__tenant__id="away")
    assert (accept["type"], close["type"]) == ("websocket.accept", "websocket.close")
    assert (close["code"], close["reason"]) == (1013, LATER["detail"])
    with pytest.raises(TenantUnavailableError):
        await streaming(app, sent := [])
    assert sent == ["http.response.start", "http.response.body"]
    await manager.shutdown()


async def test_an_application_without_both_adds_the_answer_itself(
    manager: TenancyManager,
) -> None:
    app = FastAPI(lifespan=manager.create_lifespan())
    app.add_exception_handler(UnavailableError, answer_unavailable)

    @app.get("/notes")
    async def notes(request: Request) -> list[str]:
        async with manager.tenant_session(await manager.resolve(request)) as session:
            return list(await session.scalars(READ))

    async with started(app), client(app) as http:
        answer = await http.get("/notes", headers=AWAY)
        assert (await http.get("/notes", headers=BOLT)).json() == ["bolt"]
    assert (answer.status_code, answer.json()) == (503, LATER)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"X-Tenant-ID": "nobody"}, {"X-Tenant-ID": "idle"}])
async def test_the_dependencies_refuse_as_the_middleware_does(
    manager: TenancyManager, headers: dict[str, str]
) -> None:
    answers = []
    for middleware in (True, False):
        app = made(manager, middleware=middleware)
        async with started(app), client(app) as http:
            answers.append(await http.get("/notes", headers=headers))
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert dict(answers[0].headers) == dict(answers[1].headers)


async def test_an_application_with_handlers_of_its_own_keeps_them(
    manager: TenancyManager,
) -> None:
    app = made(manager, middleware=False)

    @app.exception_handler(HTTPException)
    async def enveloped(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"oops": error.detail}, error.status_code, error.headers)

    async with started(app), client(app) as http:
        nobody = await http.get("/notes")
        away = await http.get("/notes", headers=AWAY)
    assert (nobody.status_code, list(nobody.json())) == (404, ["oops"])
    assert (away.status_code, away.json()) == (503, {"oops": LATER["detail"]})
    assert away.headers["retry-after"] == "1"


async def test_an_endpoint_may_look_at_the_error_itself(manager: TenancyManager) -> None:
    app = made(manager, middleware=True)

    @app.get("/patient")
    async def patient(session: TenantSessionDep) -> list[str]:
        try:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        except DBAPIError:
            await session.rollback()
        return list(await session.scalars(READ))

    async with started(app), client(app) as http:
        assert (await http.get("/patient", headers=ACME)).json() == ["acme"]
