"""Sessions that see one tenant, whatever the strategy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from fastapi_tenancy.errors import PlacementError, ServerUnreachableError
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.hybrid import uses_rls
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import address_of, masked
from fastapi_tenancy.sessions.aim import COMMON, GUARDED, Aim, aim_of
from fastapi_tenancy.sessions.contact import Contact, in_contact, misses_something
from fastapi_tenancy.sessions.drivers import driver_for, driver_of
from fastapi_tenancy.sessions.endings import Endings
from fastapi_tenancy.sessions.engines import Engines, Lease, Place
from fastapi_tenancy.sessions.owners import Owners

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
        self._owners = Owners()
        self._endings = Endings()
        self._engines = Engines(isolation.config, self._endings)
        self._maker = maker or async_sessionmaker(expire_on_commit=False)

    def session(self, tenant: Tenant) -> AbstractAsyncContextManager[AsyncSession]:
        """A session of a tenant: to commit is the caller's, what is not committed is rolled back.

        Raises:
            PlacementError: the place the tenant is said to live in is none for it, or not there.
            ConfigurationError: the settings name no place, or one that cannot be used.
        """
        target = self._aimed(tenant)
        return self._session(self._place(target), aim_of(self._isolation, target))

    @asynccontextmanager
    async def serving(self, tenant: Tenant) -> AsyncIterator[AsyncSession]:
        """As ``session``, for a request: what leaves the block tells an outage from other errors.

        Raises:
            TenantUnavailableError: no connection can be had, no transaction begun, or the line was
                lost; or the place the tenant is said to live in is none for it, or not there.
            ConfigurationError: the settings name no place, or one that cannot be used.
        """
        contact = Contact()
        try:
            target = self._aimed(tenant)
            place, aim = self._place(target), aim_of(self._isolation, target)
            try:
                async with self._session(place, aim, contact) as session:
                    yield session
            except DBAPIError as error:
                if aim.schema and misses_something(error):
                    await self._require_there(place, aim)
                raise
        except Exception as error:
            unavailable = contact.unavailable(tenant, error)
            if unavailable is None:
                raise
            raise unavailable from error

    def common(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session of no tenant in the database at ``database_url``, for tables of everybody.

        Raises:
            ConfigurationError: no database_url is configured.
        """
        return self._session(self._common(), COMMON)

    def engine(self, tenant: Tenant) -> AbstractAsyncContextManager[AsyncEngine]:
        """The engine of a tenant, whose connections see that tenant only; not to be kept.

        For those who make their sessions themselves: ``AsyncSession(engine, ...)``.

        Raises:
            ConfigurationError: as ``session``.
        """
        target = self._aimed(tenant)
        return self._leased(self._place(target), aim_of(self._isolation, target))

    async def check(self) -> None:
        """Refuse to start where row-level security would not hold; looks at nothing otherwise.

        A server that cannot be asked now is asked before its first session. If none can be
        asked, that is an error.

        Raises:
            ConfigurationError: the role would see the rows of all tenants; with what to do.
            ServerUnreachableError: no server can be asked.
        """
        if not uses_rls(self._isolation):
            return
        homes = list(Homes(self._isolation.config))
        for address in (home.address for home in homes) if homes else ("",):
            require_reachable(Target("", (), "", address, IsolationStrategy.RLS))
        asked = [self._guard(Place(home.address, driver_of(home.url))) for home in homes]
        found = await asyncio.gather(*asked, return_exceptions=True)
        errors = [error for error in found if error is not None]
        refused = [error for error in errors if not isinstance(error, ServerUnreachableError)]
        if refused or (errors and len(errors) == len(homes)):
            await self.close()
            raise (refused or errors)[0]

    async def _guard(self, place: Place) -> None:
        try:
            async with self._leased(place, GUARDED) as engine, engine.begin():
                pass
        except (DBAPIError, OSError, PlacementError) as error:
            said = " ".join(str(getattr(error, "orig", None) or error).split())
            raise ServerUnreachableError(
                "whether row-level security holds cannot be asked at"
                f" {masked(place.address)!r}: {masked(said)}"
            ) from error

    async def forget(self, tenant: Tenant) -> None:
        """Drop what is kept for a tenant: its engine, and what was found out about its place."""
        target = self._isolation.target(tenant)
        self._owners.forget(target)
        alone = target.strategy is IsolationStrategy.DATABASE
        aim = aim_of(self._isolation, target)
        await self._engines.forget(self._place(target), aim, alone=alone)

    async def close(self) -> None:
        """Close every connection; the next session opens new ones.

        Those of sessions that are still open are closed at the end of these.
        """
        await self._endings.all()
        await self._engines.close()
        await self._endings.all()

    @asynccontextmanager
    async def _leased(self, place: Place, aim: Aim) -> AsyncIterator[AsyncEngine]:
        lease = await self._engines.take(place)
        try:
            yield lease.database.engine(aim)
        finally:
            await self._endings.finish(self._engines.give_back(lease))

    @asynccontextmanager
    async def _session(
        self, place: Place, aim: Aim, contact: Contact | None = None
    ) -> AsyncIterator[AsyncSession]:
        lease = await self._engines.take(place)
        session: AsyncSession | None = None
        try:
            engine = lease.database.engine(aim)
            session = self._maker(bind=in_contact(engine, contact) if contact else engine)
            yield session
        finally:
            await self._endings.finish(self._end(session, lease))

    async def _require_there(self, place: Place, aim: Aim) -> None:
        """Look again whether a schema is there that was found a while ago."""
        await self._engines.forget(place, aim, alone=False)
        with suppress(SQLAlchemyError, OSError):
            async with self._leased(place, aim) as engine, engine.begin():
                pass

    async def _end(self, session: AsyncSession | None, lease: Lease) -> None:
        try:
            if session is not None:
                await session.close()
        finally:
            await self._engines.give_back(lease)

    def _aimed(self, tenant: Tenant) -> Target:
        target = self._isolation.target(tenant)
        self._owners.require(target)
        return target

    def _place(self, target: Target) -> Place:
        require_reachable(target)
        return Place(target.address, driver_for(self._isolation.config, target))

    def _common(self) -> Place:
        config = self._isolation.config
        url = config.database_url
        address = address_of(url) if url else ""
        require_reachable(Target("", (), "", address, IsolationStrategy.DATABASE))
        return Place(address, driver_for(config))
