"""Applications with the admin router, and what their operators do with it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fastapi_tenancy import TenancyManager
from fastapi_tenancy.web.admin.router import admin_router

TOKEN = "let-me-in"
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}
OVER = ("succeeded", "failed", "stopped", "refused")
PROBLEM = "application/problem+json"
_bearer = HTTPBearer(auto_error=False)


def require_operator(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Refuse whoever has not the token."""
    if given is None or given.credentials != TOKEN:
        raise HTTPException(401, "Sign in first.", {"www-authenticate": "Bearer"})


def application(manager: TenancyManager, **given: Any) -> FastAPI:
    """An application that holds the manager and its admin router."""
    app = FastAPI(lifespan=manager.create_lifespan())
    app.include_router(admin_router(manager, dependencies=[Depends(require_operator)], **given))
    return app


async def created(http: httpx.AsyncClient, *identifiers: str, **given: Any) -> None:
    """Create tenants."""
    for identifier in identifiers:
        answer = await http.post("/admin/tenants", json={"identifier": identifier, **given})
        assert answer.status_code == 201, answer.text


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


async def begun(http: httpx.AsyncClient, path: str, **body: Any) -> str:
    """Begin a run and return its path."""
    answer = await http.post(f"/admin{path}", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/admin/runs/{answer.json()['id']}"
    return str(answer.headers["location"])


async def over(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """The run, when it is over."""
    async with asyncio.timeout(60):
        while True:
            run: dict[str, Any] = (await http.get(path)).json()
            if run["state"] in OVER:
                return run
            await asyncio.sleep(0.02)
