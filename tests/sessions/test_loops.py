"""One object's sessions are used in one event loop after another, as test clients do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from alive import alive
from fastapi_tenancy import Tenant, TenantSessions
from houses import ACME, BOLT, Item, schema_sessions

Rows = Callable[[str], list[tuple[Any, ...]]]
OPEN = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'fastapi-tenancy' AND datname = current_database()"
)


async def read(sessions: TenantSessions, tenant: Tenant) -> list[str]:
    async with sessions.session(tenant) as session:
        return list(await session.scalars(select(Item.name)))


def require_open(rows: Rows, most: int) -> None:
    for _ in range(100):
        if rows(OPEN)[0][0] <= most:
            return
        time.sleep(0.02)
    assert rows(OPEN)[0][0] <= most


def test_one_loop_after_another(url: str, driver: str, rows: Rows):
    sessions = schema_sessions(url, driver, session_pool_size=2, session_max_overflow=0)
    for tenant in (ACME, BOLT, BOLT, ACME):
        assert asyncio.run(read(sessions, tenant)) == [tenant.identifier]
        require_open(rows, 1)
    asyncio.run(sessions.close())
    assert alive() == []
    require_open(rows, 0)


def test_loops_that_stay_open(url: str, driver: str, rows: Rows):
    sessions = schema_sessions(url, driver, session_pool_size=1, session_max_overflow=0)
    with asyncio.Runner() as one, asyncio.Runner() as other:
        for runner in (one, other, other, one):
            assert runner.run(read(sessions, ACME)) == ["acme"]
            require_open(rows, 1)
        other.run(sessions.close())
        require_open(rows, 0)


def test_several_at_once_in_each_loop(url: str, driver: str, rows: Rows):
    sessions = schema_sessions(
        url, driver, session_pool_size=2, session_max_overflow=0, session_pool_timeout_s=5
    )

    async def several() -> list[list[str]]:
        return await asyncio.gather(*(read(sessions, BOLT) for _ in range(3)))

    for _ in range(3):
        assert asyncio.run(several()) == [["bolt"]] * 3
        require_open(rows, 2)
    asyncio.run(sessions.close())
    require_open(rows, 0)
