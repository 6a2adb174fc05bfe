"""Sessions that see one tenant, whatever the strategy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import address_of
from fastapi_tenancy.sessions.aim import COMMON, Aim, aim_of
from fastapi_tenancy.sessions.drivers import driver_for
from fastapi_tenancy.sessions.engines import Engines, Place

SessionMaker = Callable[..., AsyncSession]
"""Makes a session on the engine that it is given as ``bind``."""


class TenantSessions:
    """Opens sessions that see one tenant; one object serves all tenants of a program.

    Args:
        isolation: says where a tenant lives; its ``config`` holds the settings of sessions.
        maker: makes the sessions, an ``async_sessionmaker`` of one's own for instance; it is
            called with ``bind``. By default a session whose objects stay usable after a commit.
    """

    def __init__(self, isolation: IsolationProvider, *, maker: SessionMaker | None = None) -> None:
        self._isolation = isolation
        self._engines = Engines(isolation.config)
        self._maker = maker or async_sessionmaker(expire_on_commit=False)
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def session(self, tenant: Tenant) -> AsyncIterator[AsyncSession]:
        """A session of a tenant: to commit is the caller's, what is not committed is rolled back.

        Raises:
            PlacementError: the place the tenant is said to live in is none for it, or not there.
            ConfigurationError: the settings name no place, or one that cannot be used.
        """
        async with self.engine(tenant) as engine, self._session(engine) as session:
            yield session

    @asynccontextmanager
    async def common(self) -> AsyncIterator[AsyncSession]:
        """A session of no tenant in the database at ``database_url``, for tables of everybody.

        Raises:
            ConfigurationError: no database_url is configured.
        """
        async with self._leased(self._common(), COMMON) as engine, self._session(engine) as session:
            yield session

    @asynccontextmanager
    async def engine(self, tenant: Tenant) -> AsyncIterator[AsyncEngine]:
        """The engine of a tenant, whose connections see that tenant only; not to be kept.

        For those who make their sessions themselves: ``AsyncSession(engine, ...)``.

        Raises:
            ConfigurationError: as ``session``.
        """
        target = self._isolation.target(tenant)
        require_reachable(target)
        place = Place(target.address, driver_for(self._isolation.config, tenant))
        async with self._leased(place, aim_of(self._isolation, target)) as engine:
            yield engine

    async def forget(self, tenant: Tenant) -> None:
        """Drop what is kept for a tenant: its engine, and what was found out about its place."""
        target = self._isolation.target(tenant)
        place = Place(target.address, driver_for(self._isolation.config, tenant))
        await self._engines.forget(place, aim_of(self._isolation, target))

    async def close(self) -> None:
        """Close every connection; the next session opens new ones."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        await self._engines.close()

    @asynccontextmanager
    async def _leased(self, place: Place, aim: Aim) -> AsyncIterator[AsyncEngine]:
        database = self._engines.take(place)
        try:
            yield database.engine(aim)
        finally:
            await self._finish(self._engines.give_back(database))

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        session = self._maker(bind=engine)
        try:
            yield session
        finally:
            await self._finish(session.close())

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it to its end, also where the task that waits for it is cancelled."""
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        await asyncio.shield(task)

    def _common(self) -> Place:
        config = self._isolation.config
        url = config.database_url
        address = address_of(url) if url else ""
        require_reachable(Target("", (), "", address, IsolationStrategy.DATABASE))
        return Place(address, driver_for(config))
