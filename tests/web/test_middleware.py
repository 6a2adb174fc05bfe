"""The middleware: who is served, and what the others are told."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI, Request

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    TenantDep,
    current_request_tenant,
)
from serving import client, started

NOBODY = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "The request names no tenant that is served here.",
}


@pytest.fixture
def app(config: TenancyConfig, store: SQLAlchemyTenantStore) -> FastAPI:
    made = FastAPI()
    made.add_middleware(TenancyMiddleware, config=config)

    @made.get("/whoami")
    async def whoami(request: Request, tenant: TenantDep) -> list[str]:
        seen = current_request_tenant()
        assert seen is not None
        return [tenant.identifier, request.state.tenant.identifier, seen.identifier]

    @made.get("/health")
    async def health() -> str:
        assert current_request_tenant() is None
        return "well"

    return made


async def test_a_request_is_served_with_its_tenant(app: FastAPI) -> None:
    async with started(app), client(app) as http:
        answer = await http.get("/whoami", headers={"X-Tenant-ID": "acme"})
        assert (answer.status_code, answer.json()) == (200, ["acme"] * 3)
    assert current_request_tenant() is None


@pytest.mark.parametrize(
    ("headers", "logged"),
    [
        ([], "the request names no tenant"),
        ([("X-Tenant-ID", "nobody")], "no tenant has the identifier 'nobody'"),
        ([("X-Tenant-ID", "idle")], "the tenant 'idle' is suspended"),
        ([("X-Tenant-ID", "gone")], "the tenant 'gone' is deleted"),
        ([("X-Tenant-ID", "soon")], "the tenant 'soon' is provisioning"),
        ([("X-Tenant-ID", "x" * 256)], "has 256 characters"),
        ([("X-Tenant-ID", "a\tb")], "the character U+0009"),
        ([("X-Tenant-ID", b"\xff")], "no UTF-8 text"),
        ([("X-Tenant-ID", "acme"), ("X-Tenant-ID", "bolt")], "came more than once"),
    ],
)
async def test_all_others_get_the_same_answer_and_the_log_says_why(
    app: FastAPI,
    headers: list[tuple[str, str]],
    logged: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with started(app), client(app) as http:
        answer = await http.get("/whoami", headers=headers)
    assert (answer.status_code, answer.json()) == (404, NOBODY)
    assert answer.headers["content-type"] == "application/problem+json"
    record = next(r for r in caplog.records if r.name == "fastapi_tenancy")
    assert record.levelno == logging.WARNING
    assert logged in record.getMessage()
    assert "GET '/whoami'" in record.getMessage()


async def test_some_paths_need_no_tenant(app: FastAPI) -> None:
    async with started(app), client(app) as http:
        assert (await http.get("/health")).json() == "well"
        assert (await http.get("/openapi.json")).status_code == 200
        assert (await http.get("/healthy")).status_code == 404


async def test_without_a_lifespan_the_first_request_initializes(
    config: TenancyConfig, store: SQLAlchemyTenantStore
) -> None:
    manager = TenancyManager(config)
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, manager=manager)
    app.add_api_route("/hello", lambda: "hello")
    async with client(app) as http:
        answers = [await http.get("/hello", headers={"X-Tenant-ID": "acme"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    await manager.shutdown()


async def test_a_catalogue_that_cannot_be_reached_is_503(tmp_path: object) -> None:
    manager = TenancyManager(
        TenancyConfig(database_url="postgresql://u:geheim@127.0.0.1:1/none", connect_timeout_s=2)
    )
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, manager=manager)
    async with client(app) as http:
        answer = await http.get("/whoami", headers={"X-Tenant-ID": "acme"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "geheim" not in answer.text
