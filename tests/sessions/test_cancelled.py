"""A session that is cancelled, wherever it waits, leaves nothing open and harms nobody."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import insert, select, text

from alive import alive
from fastapi_tenancy import TenantSessions
from houses import ACME, BOLT, Item, schema_sessions
from pooler import PROGRAM, pooled

Rows = Callable[[str], list[tuple[Any, ...]]]
OPEN = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
STEPS = 60
"""More than a session has steps of the event loop in these tests."""


async def use(sessions: TenantSessions) -> None:
    async with sessions.session(ACME) as session:
        await session.execute(insert(Item), {"name": "half done"})
        await session.execute(text("SELECT count(*) FROM items"))
        raise RuntimeError("never committed")


async def after_steps(work: Any, steps: int) -> None:
    """Cancel work when the event loop has turned so many times."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        assert isinstance(task.exception(), RuntimeError)


async def test_at_every_step(opened: Callable[..., TenantSessions], rows: Rows):
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_pool_timeout_s=20)
    for steps in range(STEPS):
        await after_steps(use(sessions), steps)
        async with sessions.session(BOLT) as session:
            assert list(await session.scalars(select(Item.name))) == ["bolt"]
        assert len(alive()) <= 1
    await sessions.close()
    assert alive() == []
    assert rows("SELECT name FROM tenant_acme.items") == [("acme",)]


async def began_nothing(sessions: TenantSessions, end: str) -> None:
    """Leaves a connection that is tidied when it goes back, in the task that is cancelled."""
    async with sessions.engine(ACME) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        await connection.begin()
        await getattr(connection, end)()
    raise RuntimeError("done")


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
async def test_a_cancelled_end_gives_its_place_back(
    opened: Callable[..., TenantSessions], end: str
):
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_pool_timeout_s=3)
    gc.disable()  # which would give back what nobody else does
    try:
        for steps in range(STEPS):
            await after_steps(began_nothing(sessions, end), steps)
            async with sessions.session(BOLT) as session:
                assert list(await session.scalars(select(Item.name))) == ["bolt"]
    finally:
        gc.enable()


async def closed_soon(rows: Rows) -> int:
    """How many connections the server has, once what was closed is closed there, too."""
    for _ in range(100):
        if not (found := rows(OPEN)[0][0]):
            break
        await asyncio.sleep(0.01)
    return int(found)


async def test_a_connection_that_is_half_made_is_closed(
    opened: Callable[..., TenantSessions], rows: Rows
):
    gc.disable()  # which would close what nobody else does
    try:
        for steps in range(0, STEPS, 2):
            sessions = opened()
            await after_steps(use(sessions), steps)
            await sessions.close()
            assert await closed_soon(rows) == 0, steps
    finally:
        gc.enable()


async def test_while_others_wait_for_the_connection(opened: Callable[..., TenantSessions]):
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_pool_timeout_s=20)

    async def read() -> list[str]:
        async with sessions.session(BOLT) as session:
            return list(await session.scalars(select(Item.name)))

    for steps in range(0, STEPS, 4):
        others = [asyncio.create_task(read()) for _ in range(3)]
        await after_steps(use(sessions), steps)
        others[1].cancel()
        found = await asyncio.gather(*others, return_exceptions=True)
        assert found[0] == found[2] == ["bolt"]


async def test_closing_waits_for_sessions_that_end(sessions: TenantSessions):
    async def cancelled() -> None:
        async with sessions.session(ACME) as session:
            await session.execute(text("SELECT pg_sleep(30)"))

    tasks = [asyncio.create_task(cancelled()) for _ in range(3)]
    await asyncio.wait(tasks, timeout=0.2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await sessions.close()
    assert alive() == []


async def test_what_is_open_when_all_is_closed_ends_in_peace(sessions: TenantSessions):
    async with sessions.session(ACME) as session:
        await session.execute(text("SELECT 1"))
        await sessions.close()
        assert list(await session.scalars(select(Item.name))) == ["acme"]
        await session.rollback()
        assert list(await session.scalars(select(Item.name))) == ["acme"]
    await sessions.close()
    assert alive() == []
    async with sessions.session(BOLT) as session:
        assert list(await session.scalars(select(Item.name))) == ["bolt"]


async def test_a_line_the_server_has_cut_is_not_handed_out(
    opened: Callable[..., TenantSessions], rows: Rows
):
    sessions = opened(session_pool_size=2)
    async with sessions.session(ACME) as one, sessions.session(BOLT) as other:
        await one.execute(text("SELECT 1"))
        await other.execute(text("SELECT 1"))
    rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'fastapi-tenancy' AND datname = current_database()"
    )
    async with sessions.session(ACME) as one, sessions.session(BOLT) as other:
        assert list(await one.scalars(select(Item.name))) == ["acme"]
        assert list(await other.scalars(select(Item.name))) == ["bolt"]


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is missing")
async def test_a_pooler_is_not_asked_to_cancel(url: str, driver: str):
    """Widespread versions of PgBouncer end when such a request comes at the wrong moment."""
    with pooled(url, size=1) as through:
        sessions = schema_sessions(through, driver)
        async with sessions.session(ACME) as session:
            asking = asyncio.create_task(session.execute(text("SELECT pg_sleep(0.5)")))
            await asyncio.wait([asking], timeout=0.1)
            asking.cancel()
            await asyncio.wait([asking])
        async with sessions.session(BOLT) as session:
            assert list(await session.scalars(select(Item.name))) == ["bolt"]
        await sessions.close()
        log = Path(str(conninfo_to_dict(through)["host"]), "log").read_text()
        assert "login attempt" in log
        assert "cancel" not in log


async def slow_good_bye(*_given: Any, **_named: Any) -> None:
    await asyncio.sleep(3600)


async def test_again_while_it_is_still_leaving(
    opened: Callable[..., TenantSessions], rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    """Whoever is cancelled a second time while a connection is given up gives its place back."""
    sessions = opened(session_pool_size=1, session_max_overflow=0, session_pool_timeout_s=5)
    async with sessions.session(BOLT) as session:
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
    monkeypatch.setattr(type(raw), "close", slow_good_bye)
    gc.disable()  # what it collects gives places back by chance
    try:
        for steps in range(0, STEPS, 4):
            task = asyncio.ensure_future(use(sessions))
            for _ in range(steps):
                await asyncio.sleep(0)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(5):
                await asyncio.wait([task])
                async with sessions.session(BOLT) as session:
                    assert list(await session.scalars(select(Item.name))) == ["bolt"]
    finally:
        gc.enable()
        monkeypatch.undo()
    await sessions.close()
    assert rows("SELECT name FROM tenant_acme.items") == [("acme",)]
