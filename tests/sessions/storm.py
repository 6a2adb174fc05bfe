"""Many sessions of many tenants at once, cut short in every way there is, each of them watched."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import psycopg
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fastapi_tenancy import Tenant, TenantSessions

LINE_ERRORS = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""asyncpg's own where its line is cut while SQLAlchemy sets a new connection up."""


class Base(DeclarativeBase):
    pass


class Note(Base):
    """A row that says whose it is."""

    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]


class OwnError(Exception):
    """What an application raises."""


class Storm:
    """Sends tasks, and keeps what they found and what they were told is written."""

    def __init__(self, sessions: TenantSessions, tenants: Sequence[Tenant], seed: int) -> None:
        self._sessions = sessions
        self._tenants = tenants
        self._chance = random.Random(seed)
        self.mixed: list[str] = []
        self.written: dict[str, str] = {}
        """The owner of each row whose commit was acknowledged."""
        self.ends: Counter[str] = Counter()

    async def blow(self, tasks: int, at_once: int) -> None:
        """Run so many tasks, some of which are cancelled from outside."""
        room = asyncio.Semaphore(at_once)

        async def one(n: int) -> None:
            async with room:
                await self._cut_short(self._task(self._tenants[n % len(self._tenants)]))

        await asyncio.gather(*(one(n) for n in range(tasks)))

    async def calm(self, at_once: int) -> None:
        """So many sessions at once, each of which is sure to have a connection."""
        here = asyncio.Barrier(at_once)

        async def one(tenant: Tenant) -> None:
            async with self._sessions.session(tenant) as session:
                await self._read(session, tenant)
                await here.wait()

        await asyncio.gather(*(one(tenant) for tenant in self._tenants[:at_once]))
        assert self.mixed == []

    async def _cut_short(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        if self._chance.random() < 0.4:
            loop = asyncio.get_running_loop()
            for _ in range(self._chance.choice((1, 1, 2))):
                loop.call_later(self._chance.uniform(0, 0.03), task.cancel)
        try:
            await task
            self.ends["done"] += 1
        except asyncio.CancelledError:
            self.ends["cancelled"] += 1
        except (OwnError, TimeoutError) as error:
            self.ends[type(error).__name__] += 1
        except LINE_ERRORS as error:
            if not _is_a_cut_line(error):
                raise
            self.ends["cut"] += 1

    async def _task(self, tenant: Tenant) -> None:
        async with asyncio.timeout(self._chance.choice((None, None, 0.01))):
            async with self._sessions.session(tenant) as session:
                for _ in range(self._chance.randint(1, 4)):
                    await self._chance.choice(self._steps())(session, tenant)

    def _steps(self) -> list[Callable[[AsyncSession, Tenant], Coroutine[Any, Any, None]]]:
        return [self._read, self._read, self._write, self._write, self._fail, self._stream]

    async def _read(self, session: AsyncSession, tenant: Tenant) -> None:
        found = set(await session.scalars(select(Note.owner)))
        if found - {tenant.identifier} or not found:
            self.mixed.append(f"{tenant.identifier} read {found}")

    async def _write(self, session: AsyncSession, tenant: Tenant) -> None:
        key = uuid4().hex
        if self._chance.random() < 0.5:
            session.add(Note(id=key, owner=tenant.identifier))
        else:
            await session.execute(insert(Note), [{"id": key, "owner": tenant.identifier}])
        await session.commit()
        self.written[key] = tenant.identifier
        await self._read(session, tenant)

    async def _stream(self, session: AsyncSession, tenant: Tenant) -> None:
        async for owner in await session.stream_scalars(select(Note.owner)):
            if owner != tenant.identifier:
                self.mixed.append(f"{tenant.identifier} streamed {owner}")
        await session.execute(text("SELECT pg_sleep(0.002)"))
        await session.execute(text("CREATE TEMP TABLE IF NOT EXISTS notes_kept (n int)"))

    async def _fail(self, session: AsyncSession, tenant: Tenant) -> None:
        if self._chance.random() < 0.5:
            raise OwnError
        nested = await session.begin_nested()
        await session.execute(insert(Note), {"id": uuid4().hex, "owner": tenant.identifier})
        await nested.rollback()
        await session.rollback()  # who held a connection and asked for another could wait for ever
        other = self._chance.choice(self._tenants)
        async with self._sessions.session(other) as another:
            await self._read(another, other)
        await self._read(session, tenant)


def _is_a_cut_line(error: Exception) -> bool:
    """A server's process was ended; asyncpg and psycopg each say so in their own words.

    What both say of two answers at once is met only where processes are ended while somebody
    connects; without that, no error at all is let pass.
    """
    told = str(error).lower()
    words = ("terminat", "closed", "lost", "reset", "broken", "does not exist in", "eof", "admin")
    words += ("another operation", "received 2 results")
    cut = isinstance(error, DBAPIError) and error.connection_invalidated
    return cut or any(word in told for word in words)


async def cutting(url: str, until: asyncio.Task[None]) -> int:
    """End server processes at random, until a task is done; how many it were."""
    ended = 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not until.done():
            done = await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'fastapi-tenancy' AND datname = current_database()"
                " ORDER BY random() LIMIT 1"
            )
            ended += done.rowcount
            await asyncio.wait([until], timeout=0.05)
    return ended
