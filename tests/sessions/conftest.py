"""Two tenants in schemas of their own, sessions of both drivers, and questions past them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import TenantSessions
from houses import ACME, BOLT, build, schema_sessions

Rows = list[tuple[Any, ...]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["psycopg", "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(tenancy_database: str) -> str:
    """A database in which acme and bolt have a schema each."""
    build(tenancy_database, (ACME, BOLT))
    return tenancy_database


@pytest.fixture
async def opened(url: str, driver: str) -> AsyncIterator[Callable[..., TenantSessions]]:
    """Opens sessions with the settings it is given; closed after the test."""
    made: list[TenantSessions] = []

    def open_sessions(**settings: Any) -> TenantSessions:
        made.append(schema_sessions(url, driver, **settings))
        return made[-1]

    yield open_sessions
    for sessions in made:
        await sessions.close()


@pytest.fixture
def sessions(opened: Callable[..., TenantSessions]) -> TenantSessions:
    return opened()


@pytest.fixture
def rows(url: str) -> Callable[[str], Rows]:
    """Asks the database, past all sessions."""

    def ask(query: str) -> Rows:
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(query.encode())
            return done.fetchall() if done.description else []

    return ask
