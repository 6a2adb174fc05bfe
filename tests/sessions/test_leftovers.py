"""What a tenant's session leaves in its connection is gone before another tenant has it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Executable, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_tenancy import TenantSessions
from houses import ACME, BOLT, Item, schema_sessions
from pooler import PROGRAM, pooled

PID = "SELECT pg_backend_pid()"
CALL = "SELECT public.left_behind()"
FUNCTION = """
CREATE FUNCTION public.left_behind() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  CREATE TEMP TABLE inside AS SELECT 1 AS n; RETURN 1; END $$;
CREATE FUNCTION public.left_set() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  SET app.tenant_id = '1'; RETURN 1; END $$;
CREATE SEQUENCE public.numbers
"""
LEFT: dict[str, tuple[str | Executable, str, Any]] = {
    "a setting": ("SET statement_timeout = 77", "SHOW statement_timeout", "0"),
    "another setting": (
        "SELECT set_config('work_mem', '77MB', false)",
        "SELECT current_setting('work_mem') <> '77MB'",
        True,
    ),
    "a setting of one's own": (
        "SET app.secret = 'x'",
        "SELECT coalesce(current_setting('app.secret', true), '')",
        "",
    ),
    "a setting behind a comment": (
        "/* why */ SET app.secret = 'x'",
        "SELECT coalesce(current_setting('app.secret', true), '')",
        "",
    ),
    "another setting behind a comment": (
        "-- why\nSET work_mem='77MB'",
        "SELECT current_setting('work_mem') <> '77MB'",
        True,
    ),
    "a setting with a quoted name": (
        "SET \"app\".secret = 'x'",
        "SELECT coalesce(current_setting('app.secret', true), '')",
        "",
    ),
    "a setting whose name is a value": (
        func.set_config("app.secret", "x", False).select(),
        "SELECT coalesce(current_setting('app.secret', true), '')",
        "",
    ),
    "a setting of a block": (
        "DO $$ BEGIN SET work_mem = '77MB'; SET app.secret = 'x'; END $$",
        "SELECT current_setting('work_mem') <> '77MB'"
        " AND coalesce(current_setting('app.secret', true), '') = ''",
        True,
    ),
    "whose the rows are": (
        "SELECT public.left_set()",
        "SELECT coalesce(current_setting('app.tenant_id', true), '')",
        "",
    ),
    "a path": ("SET search_path = tenant_acme", "SHOW search_path", '"$user", public'),
    "a role": ("SET ROLE pg_monitor", "SELECT current_user = session_user", True),
    "a temporary table": ("CREATE TEMP TABLE tmp (n int)", "SELECT to_regclass('tmp')", None),
    "what a function makes": (CALL, "SELECT to_regclass('inside')", None),
    "a lock": (
        "SELECT pg_advisory_lock(7)",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        0,
    ),
    "ears": ("LISTEN acme", "SELECT count(*) FROM pg_listening_channels()", 0),
    "a cursor": (
        "DECLARE c CURSOR WITH HOLD FOR SELECT name FROM tenant_acme.items",
        "SELECT count(*) FROM pg_cursors WHERE name = 'c'",
        0,
    ),
    "a number": (
        "SELECT nextval('public.numbers')",
        "SELECT count(*) FROM pg_sequences WHERE sequencename = 'numbers' AND last_value = 1",
        1,
    ),
    "a prepared statement": (
        "PREPARE p AS SELECT name FROM tenant_acme.items",
        "SELECT count(*) FROM pg_prepared_statements WHERE name = 'p'",
        0,
    ),
}
ENDS = ("commit", "rollback", "close")


async def asked(sessions: TenantSessions, query: str) -> tuple[Any, Any]:
    """The answer, with the server's process that gave it, in a session of everybody."""
    async with sessions.common() as session:
        return await session.scalar(text(PID)), await session.scalar(text(query))


async def leave(sessions: TenantSessions, statement: str | Executable, end: str) -> Any:
    async with sessions.session(ACME) as session:
        pid = await session.scalar(text(PID))
        await session.execute(text(statement) if isinstance(statement, str) else statement)
        if end == "commit":
            await session.commit()
        elif end == "rollback":
            await session.rollback()
    return pid


@pytest.fixture
async def narrow(url: str, driver: str) -> AsyncIterator[TenantSessions]:
    """Sessions that all have the same connection, one after another."""
    with psycopg.connect(url) as connection:
        connection.execute(FUNCTION.encode())
    made = schema_sessions(
        url, driver, session_pool_size=1, session_max_overflow=0, session_connections=1
    )
    yield made
    await made.close()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("left", LEFT)
async def test_it_is_gone(narrow: TenantSessions, left: str, end: str):
    statement, query, expected = LEFT[left]
    pid = await leave(narrow, statement, end)
    if left == "a number":
        async with narrow.common() as session:
            with pytest.raises(Exception, match="not yet defined in this session"):
                await session.execute(text("SELECT currval('public.numbers')"))
    assert await asked(narrow, query) == (pid, expected)
    async with narrow.session(BOLT) as session:
        assert list(await session.scalars(select(Item.name))) == ["bolt"]


async def test_it_is_gone_after_a_commit_that_failed(narrow: TenantSessions):
    async with narrow.session(ACME) as session:
        pid = await session.scalar(text(PID))
        await session.execute(text("SET work_mem = '77MB'"))
        await session.execute(text("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        await session.execute(text("INSERT INTO t VALUES (1), (1)"))
        with pytest.raises(Exception, match="duplicate key"):
            await session.commit()
    shown = "SELECT current_setting('work_mem') <> '77MB'"
    assert await asked(narrow, shown) == (pid, True)


async def test_it_is_gone_without_a_transaction(url: str, driver: str):
    sessions = schema_sessions(
        url,
        driver,
        session_schema="schema_translate_map",
        session_pool_size=1,
        session_max_overflow=0,
    )
    async with sessions.session(ACME) as session:
        await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        pid = await session.scalar(text(PID))
        assert list(await session.scalars(select(Item.name))) == ["acme"]
        await session.execute(text("SET work_mem = '77MB'"))
    shown = "SELECT current_setting('work_mem') <> '77MB'"
    assert await asked(sessions, shown) == (pid, True)
    await sessions.close()


async def raw_of(session: AsyncSession) -> Any:
    return (await (await session.connection()).get_raw_connection()).driver_connection


async def test_nobody_hears_what_was_said_to_another(narrow: TenantSessions, driver: str):
    heard: list[Any] = []
    async with narrow.session(ACME) as session:
        pid = await session.scalar(text(PID))
        raw = await raw_of(session)
        if driver == "asyncpg":
            await raw.add_listener("acme", lambda *said: heard.append(said))
        else:
            raw.add_notify_handler(heard.append)
            await raw.execute("LISTEN acme")
        await session.commit()
    async with narrow.session(BOLT) as session:
        assert await session.scalar(text(PID)) != pid
        await session.execute(text("LISTEN acme"))
        await session.commit()
        await session.execute(text("NOTIFY acme, 'secret'"))
        await session.commit()
    assert heard == []


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is missing")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("left", [name for name in LEFT if name != "a prepared statement"])
async def test_it_is_gone_behind_a_pooler(url: str, driver: str, left: str, end: str):
    """Where the next transaction of anybody may meet the same server process."""
    with psycopg.connect(url) as connection:
        connection.execute(FUNCTION.encode())
    statement, query, expected = LEFT[left]
    with pooled(url, size=1) as through:
        sessions = schema_sessions(through, driver)
        pid = await leave(sessions, statement, end)
        assert await asked(sessions, query) == (pid, expected)
        async with sessions.session(BOLT) as session:
            assert list(await session.scalars(select(Item.name))) == ["bolt"]
        await sessions.close()


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is missing")
async def test_what_a_pooler_keeps_for_its_client_stays(url: str, driver: str):
    shown = text(
        "SELECT current_setting('application_name'), current_setting('TimeZone'),"
        " current_setting('DateStyle')"
    )
    with pooled(url, size=1) as through:
        one = schema_sessions(f"{through}&application_name=one's", driver)
        other = schema_sessions(f"{through}&application_name=other", driver)
        async with one.session(ACME) as session:
            before = (await session.execute(shown)).one()
        for statement in ("SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'", "RESET ALL"):
            await leave(one, statement, "commit")
            await leave(other, statement, "rollback")
            async with one.session(BOLT) as session:
                assert (await session.execute(shown)).one() == before
            async with other.session(BOLT) as session:
                assert (await session.execute(shown)).one() == ("other", *before[1:])
        assert before[0] == "one's"
        await one.close()
        await other.close()
