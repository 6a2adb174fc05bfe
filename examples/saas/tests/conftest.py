"""The application with two companies, on a database of the test's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

FOLDER = Path(__file__).parents[1]
TOKEN = "the-admin"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def application(tenancy_database: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the application, as a server imports it, for this database."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("TENANCY_DATABASE_URL", tenancy_database)
    monkeypatch.setenv("SAAS_ADMIN_TOKEN", TOKEN)
    sys.modules.pop("saas.app", None)
    return importlib.import_module("saas.app")


@pytest.fixture
async def client(application: ModuleType) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who sends requests to the application while it runs."""
    app = application.app
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        yield client


@pytest.fixture
def admin() -> dict[str, str]:
    """What an admin sends along."""
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def companies(client: httpx.AsyncClient, admin: dict[str, str]) -> tuple[str, str]:
    """The hosts of two companies."""
    for name in ("acme", "bolt"):
        query = {"name": name, "host": f"{name}.localhost"}
        made = await client.post("/create", params=query, headers=admin)
        assert made.status_code == 201, made.text
    return "http://acme.localhost", "http://bolt.localhost"
