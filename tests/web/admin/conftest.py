"""An application with the admin router, and an operator who is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from operators import SIGNED_IN, application

from fastapi_tenancy import TenancyConfig, TenancyManager
from serving import client, started
from shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shelf(folder, tenancy_database).books()


@pytest.fixture
def manager(shelf: Shelf) -> TenancyManager:
    return TenancyManager(TenancyConfig(database_url=shelf.url))


@pytest.fixture
def app(manager: TenancyManager) -> FastAPI:
    return application(manager)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's client, of an application that was started."""
    async with started(app), client(app, **SIGNED_IN) as made:
        yield made
