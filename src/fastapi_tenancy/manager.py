"""TenancyManager: what an application holds of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import MissingExtraError, TenancyError
from fastapi_tenancy.isolation.hybrid import uses_rls
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.telling import log_warnings
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.opening import complete, open_isolation, open_store
from fastapi_tenancy.provision.creating import baselines_of, create_tenant
from fastapi_tenancy.resolving.flights import Flights
from fastapi_tenancy.resolving.key import Scope
from fastapi_tenancy.resolving.lookups import usable
from fastapi_tenancy.resolving.outage import Outage
from fastapi_tenancy.resolving.own import Own
from fastapi_tenancy.resolving.resolution import Resolution
from fastapi_tenancy.revisions.revisions import Revisions
from fastapi_tenancy.storage.protocol import TenantStore

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from fastapi_tenancy.sessions.tenants import TenantSessions

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Any]]
"""What ``FastAPI(lifespan=...)`` takes."""


class TenancyManager:
    """The catalogue, the isolation strategy and the tenant of each request.

    Making one connects to nothing. ``initialize`` does, or ``async with``, or a lifespan of
    ``create_lifespan``.

    Args:
        store: the catalogue; by default the one the configuration names. One that is given is
            not closed by ``shutdown``.
        resolver: says whose request it is, instead of what ``resolution_strategy`` names: gets
            the connection and returns the tenant's identifier, a ``Tenant``, or None; may be
            async. A plain function runs in the event loop, so it must not wait.

    Raises:
        ConfigurationError: the settings do not go together.
    """

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore | None = None,
        *,
        resolver: Own | None = None,
    ) -> None:
        self._config = complete(config)
        self._own_store = store is None
        self._store = open_store(self._config) if store is None else usable(store)
        self._resolution = Resolution(self._config, self._store, resolver)
        self._isolation = open_isolation(self._config)
        self._sessions: TenantSessions | None = None
        self._revisions = Revisions(self._config, self._store, self._isolation, self._brought)
        self._baselines = baselines_of(self._store, self._isolation)
        self._ready = False
        self._outage = Outage()
        self._starting: Flights[str, None] | None = None

    @property
    def config(self) -> TenancyConfig:
        """The settings, with what the Alembic project adds to them."""
        return self._config

    @property
    def tenant_store(self) -> TenantStore:
        """The catalogue."""
        return self._store

    @property
    def isolation_provider(self) -> IsolationProvider:
        """Says where tenants live."""
        return self._isolation

    @property
    def sessions(self) -> TenantSessions:
        """Opens sessions of tenants, and of the tables of everybody.

        Raises:
            MissingExtraError: what asynchronous sessions need is not installed.
        """
        if self._sessions is None:
            self._sessions = _open_sessions(self._isolation)
        return self._sessions

    @property
    def revisions(self) -> Revisions:
        """Where tenants stand, as far as requests depend on it, and the share of the fleet."""
        return self._revisions

    @property
    def ready(self) -> bool:
        """Whether it is initialized, and not shut down since."""
        return self._ready

    async def initialize(self) -> None:
        """Make the catalogue ready for use; harmless when it is, or when others do it too.

        With ``migrate_at_start``, migrate; with ``required_revision`` or ``when_behind``, load the
        scripts.

        Raises:
            ServerUnreachableError: the catalogue's server did not take the connection.
            MigrationFailedError: what is not a tenant's could not be migrated.
            ConfigurationError: the catalogue, the scripts or a revision cannot be used, or
                row-level security would not hold for the role that connects.
        """
        if self._ready:
            return
        starting = self._starting
        if starting is None or starting.loop is not asyncio.get_running_loop():
            starting = self._starting = Flights(self._start)
        await starting.answer("initialize")

    async def shutdown(self) -> None:
        """Close what this object opened; harmless when that is done. It may be used again."""
        starting, self._starting = self._starting, None
        if starting is not None:
            await starting.close()
        self._ready = False
        async with AsyncExitStack() as closing:  # each of them, whatever becomes of the others
            if self._own_store:
                closing.push_async_callback(self._store.close)
            if self._sessions is not None:
                closing.push_async_callback(self._sessions.close)
            closing.push_async_callback(self._revisions.close)
            closing.push_async_callback(self._resolution.close)

    async def __aenter__(self) -> Self:
        try:
            await self.initialize()
        except BaseException:
            await self.shutdown()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.shutdown()

    def create_lifespan(self, lifespan: Lifespan | None = None) -> Lifespan:
        """Return a lifespan for ``FastAPI(lifespan=...)``; the manager is ``app.state.tenancy``.

        Args:
            lifespan: one of the application's own; it runs while the manager is ready.
        """

        @asynccontextmanager
        async def around(app: Any) -> AsyncIterator[Any]:
            async with AsyncExitStack() as stack:
                try:
                    await stack.enter_async_context(self)
                except TenancyError as error:  # its text says it all; servers print the rest too
                    raise error.with_traceback(None) from None
                app.state.tenancy = self
                yield None if lifespan is None else await stack.enter_async_context(lifespan(app))

        return around

    async def resolve(self, connection: Any) -> Tenant:
        """Return the tenant of a request; initialize where nobody has.

        Args:
            connection: an ASGI scope, or what has one: ``Request``, ``WebSocket``.

        Raises:
            NoTenantNamedError: the request says nothing about a tenant.
            TenantRefusedError: the tenant it names is not served.
            CatalogueUnavailableError: the catalogue cannot say.
            RevisionNotServedError: the tenant is not where ``required_revision`` needs it.
        """
        if not self._ready:
            with self._outage.watched():
                await self.initialize()
        tenant = await self._resolution.tenant(getattr(connection, "scope", connection))
        if not self._revisions.admits(tenant):
            await self._revisions.admit(tenant)
        return tenant

    @property
    def inside(self) -> Callable[[Scope], dict[str, Any]] | None:
        """Where the path names the tenant: gives ``path`` and ``root_path`` as routes see them."""
        return self._resolution.inside

    def tenant_session(self, tenant: Tenant) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a session that sees this tenant only: ``async with ... as session``.

        To commit is the caller's; what is not committed is rolled back.

        Raises:
            TenantUnavailableError: out of the block, where the tenant's server, database, schema
                or file is away; errors of what the block itself does are raised as they are.
            ConfigurationError: the settings name no place, or one that cannot be used.
            MissingExtraError: what asynchronous sessions need is not installed.
        """
        return self.sessions.serving(tenant)

    async def create_tenant(self, tenant: Tenant) -> Tenant:
        """Create a tenant that can be used at once: its row, its place and every revision.

        A call that fails, is cancelled or killed leaves nothing, or the tenant as
        ``provisioning``: the same call again goes on from there.

        Raises:
            TenantExistsError: it exists, or its names or its place are another's.
            PlacementError: where it is to live cannot be used, or holds something already.
            ProvisioningError: it was begun and not finished; with the cause.
            ConfigurationError: it cannot be made at all; nothing was changed.
        """
        await self.initialize()
        return await create_tenant(
            tenant,
            store=self._store,
            isolation=self._isolation,
            listener=log_warnings,
            baselines=self._baselines,
        )

    async def _start(self, _what: str) -> None:
        try:
            await self._store.initialize()
            await self._revisions.open()
            await self._check_sessions()
        except BaseException:
            # Whoever could not begin does not think of ending; the next try opens them again.
            await self._revisions.close()
            if self._own_store:
                await self._store.close()
            raise
        self._ready = True

    async def _check_sessions(self) -> None:
        """Refuse to serve where policies would not hold, before the first request is."""
        if not uses_rls(self._isolation):
            return
        try:
            sessions = self.sessions
        except MissingExtraError:
            return  # no session can be opened, so none can show what it must not
        await sessions.check()

    async def _brought(self, tenant: Tenant) -> None:
        """A tenant was migrated: what its connections remember is no longer so."""
        if self._sessions is not None:
            await self._sessions.forget(tenant)


def _open_sessions(isolation: IsolationProvider) -> TenantSessions:
    """Imported when needed: SQLAlchemy's asyncio does not load where greenlet is missing."""
    try:
        import_module("greenlet")
    except ModuleNotFoundError as missing:
        raise MissingExtraError("fastapi", missing) from missing
    from fastapi_tenancy.sessions.tenants import TenantSessions

    return TenantSessions(isolation)
