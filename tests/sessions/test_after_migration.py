"""A migration under running sessions is nothing they notice."""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import Enum, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fastapi_tenancy import TenantSessions
from houses import ACME, BOLT, Item, config_of

Rows = Callable[[str], list[tuple[Any, ...]]]
CHANGES = (
    "ADD COLUMN note text",
    "ALTER COLUMN id TYPE bigint",
    "ALTER COLUMN name TYPE varchar(80)",
    "DROP COLUMN note",
    "ALTER COLUMN id TYPE int",
    "ALTER COLUMN name TYPE text",
)
SEEN = 30
"""Reads between two changes: more than psycopg waits for before it prepares a statement."""


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    calm = "calm"
    loud = "loud"


class Guest(Base):
    __tablename__ = "guests"

    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood] = mapped_column(Enum(Mood, name="mood"))


async def changed_while(read: Callable[[], Any], url: str) -> None:
    """Change the table of both tenants again and again, with readers at work."""
    reads: Counter[int] = Counter()
    done = False

    async def reader(n: int) -> None:
        while not done:
            await read()
            reads[n] += 1

    readers = [asyncio.create_task(reader(n)) for n in range(3)]
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        for change in CHANGES:
            target = reads.total() + SEEN
            while reads.total() < target and not any(task.done() for task in readers):
                await asyncio.wait(readers, timeout=0.01)
            for schema in ("tenant_acme", "tenant_bolt"):
                await connection.execute(f"ALTER TABLE {schema}.items {change}".encode())
    done = True
    await asyncio.gather(*readers)


@pytest.mark.parametrize("way", ["search_path", "schema_translate_map"])
async def test_tables_change_under_running_sessions(
    opened: Callable[..., TenantSessions], url: str, way: str
):
    sessions = opened(session_schema=way, session_pool_size=2, session_max_overflow=0)

    async def read() -> None:
        for tenant in (ACME, BOLT):
            async with sessions.session(tenant) as session:
                found = list(await session.scalars(select(Item)))
                assert [item.name for item in found] == [tenant.identifier]
                await session.commit()
                await session.execute(select(Item.id, Item.name).where(Item.id == 1))

    await changed_while(read, url)


async def test_plain_sessions_do_notice(url: str, driver: str):
    """What this is about: with the drivers' own settings the same work fails."""
    engine = create_async_engine(str(config_of(url, driver).database_url))

    async def read() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(text("SELECT id, name FROM tenant_acme.items"))
            await session.commit()

    with pytest.raises(DBAPIError, match=r"cached (statement|plan)"):
        await changed_while(read, url)
    await engine.dispose()


async def test_types_of_the_same_name_are_those_of_the_tenant(
    opened: Callable[..., TenantSessions], rows: Rows
):
    for schema in ("tenant_bolt", "tenant_acme"):
        _make_guests(rows, schema)
    sessions = opened(session_pool_size=1, session_max_overflow=0)
    for round_ in range(8):
        for tenant in (ACME, BOLT):
            async with sessions.session(tenant) as session:
                session.add(Guest(id=round_, mood=Mood.loud))
                await session.commit()
                query = select(Guest).where(Guest.mood == Mood.loud)
                assert len(list(await session.scalars(query))) >= 1
        if round_ == 5:
            rows("DROP TABLE tenant_acme.guests; DROP TYPE tenant_acme.mood")
            _make_guests(rows, "tenant_acme")


def _make_guests(rows: Rows, schema: str) -> None:
    rows(f"CREATE TYPE {schema}.mood AS ENUM ('calm', 'loud')")
    rows(f"CREATE TABLE {schema}.guests (id int, mood {schema}.mood)")


async def test_a_forgotten_tenants_types_are_read_anew(sessions: TenantSessions, rows: Rows):
    rows("CREATE TYPE tenant_acme.pair AS (a int)")
    rows("CREATE TABLE tenant_acme.pairs (p tenant_acme.pair)")
    rows("INSERT INTO tenant_acme.pairs VALUES (ROW(1)::tenant_acme.pair)")

    async def read() -> Any:
        async with sessions.session(ACME) as session:
            return await session.scalar(text("SELECT p FROM pairs"))

    before = await read()
    rows("ALTER TYPE tenant_acme.pair ADD ATTRIBUTE b int CASCADE")
    rows("UPDATE tenant_acme.pairs SET p = ROW(1, 2)::tenant_acme.pair")
    await sessions.forget(ACME)
    after = await read()
    assert (tuple(before), tuple(after)) in (
        ((1,), (1, 2)),  # asyncpg
        (tuple("(1)"), tuple("(1,2)")),  # psycopg
    )
