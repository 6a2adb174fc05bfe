"""Catalogues to test: each store on an empty database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.model.url import driver_free
from fastapi_tenancy.storage.memory import InMemoryTenantStore
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

Sql = Callable[[str], None]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite", "sqlite-memory", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TenantStore]:
    made: TenantStore
    if request.param == "memory":
        made = InMemoryTenantStore()
    elif request.param == "sqlite":
        made = SQLAlchemyTenantStore(f"sqlite+aiosqlite:///{tmp_path}/catalogue.db")
    elif request.param == "sqlite-memory":
        made = SQLAlchemyTenantStore("sqlite://")
    else:
        url = request.getfixturevalue("tenancy_database")
        made = SQLAlchemyTenantStore(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    await made.initialize()
    yield made
    await made.close()


@pytest.fixture
def sql(tenancy_database: str) -> Iterator[Sql]:
    """Run statements in the test's own database."""
    with psycopg.connect(driver_free(tenancy_database), autocommit=True) as connection:
        yield lambda statement: connection.execute(statement) and None  # type: ignore[call-overload]
