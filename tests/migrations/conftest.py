"""An ordinary Alembic project, as `alembic init` makes it, with a few revisions."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from fastapi_tenancy import InMemoryTenantStore, TenancyConfig, Tenant
from notes_history import HISTORY, UNDO, write_revision


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    command.init(Config(str(tmp_path / "alembic.ini"), stdout=io.StringIO()), "alembic")
    down = None
    for revision, up in HISTORY.items():
        write_revision(tmp_path, revision, down, up, UNDO[revision])
        down = revision
    return tmp_path


@pytest.fixture
def config(folder: Path, tenancy_database: str) -> TenancyConfig:
    return TenancyConfig(database_url=tenancy_database)


@pytest.fixture
def tenants(tenancy_database: str) -> list[Tenant]:
    """Six tenants, each with an empty schema."""
    made = [Tenant(id=f"id-{n}", identifier=f"shop-{n}") for n in range(6)]
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        for n in range(6):
            connection.execute(f"CREATE SCHEMA tenant_shop_{n}".encode())
    return made


@pytest.fixture
def store(tenants: list[Tenant]) -> InMemoryTenantStore:
    return InMemoryTenantStore(tenants)


@pytest.fixture
def rows(tenancy_database: str) -> Callable[[str], list[tuple[object, ...]]]:
    """Answers a query about the test's database."""

    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(tenancy_database, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    return ask
