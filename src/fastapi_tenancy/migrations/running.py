"""Runs the synchronous engine for asyncio callers, in a thread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.asked import require_tenant
from fastapi_tenancy.migrations.fleet import Collect, Fleet
from fastapi_tenancy.migrations.results import TenantResult, results_of
from fastapi_tenancy.migrations.rivals import place_in, rivals
from fastapi_tenancy.migrations.tracks.opening import Opened, open_tracks
from fastapi_tenancy.migrations.tracks.running import Ended, TracksRun, means_one_track
from fastapi_tenancy.model.event import Listener
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.storage.database import NoTableError
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart


async def run(request: TracksRun, selection: Selection, listener: Listener) -> list[Ended]:
    """Carry out a run; when the caller is cancelled, tenants in flight finish and no other starts.

    Raises:
        ConfigurationError: the request cannot be carried out for anybody; nothing changed.
    """
    stop = Stop()
    running = asyncio.ensure_future(
        apart(lambda: request.run(selection, listener=listener, stop=stop))
    )
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # A thread cannot be cancelled.
        stop.request()
        await asyncio.wait([running])
        raise


def results(ended: list[Ended]) -> Iterator[TenantResult]:
    """A result for each tenant in each track, and for each place that is nobody's."""
    for one in ended:
        for outcome in one.report.outcomes:
            yield from results_of(outcome, one.track.name)


async def position_of_one(fleet: Fleet) -> Position:
    """Where the only tenant of a fleet stands.

    Raises:
        ConfigurationError: its database cannot be read, or its schema name cannot be used.
    """

    def read() -> Position:
        options = fleet.options(Command.UPGRADE, "head")
        standing = next(iter(fleet.standings(options, Selection())))
        if standing.refusal is not None:
            raise MigrationFailedError(standing.refusal.error)
        return standing.position

    return await apart(read)


class OneTenantCalls(ABC):
    """What both managers do for one tenant.

    Args:
        store: the catalogue in which others may claim the place of a tenant; None if none is known.
        track: the one that is meant, where tenants have several histories.
    """

    def __init__(
        self,
        config: TenancyConfig,
        listener: Listener,
        store: TenantStore | None,
        track: str | None = None,
    ) -> None:
        self._config = config
        self._listener = listener
        self._store = store
        self._track = track

    @abstractmethod
    def _provider(self) -> IsolationProvider:
        """Where tenants live."""

    def _tracks(self, tenants: Collect) -> tuple[Opened, ...]:
        return open_tracks(self._config, tenants, self._provider())

    def _tracks_of(self, tenants: list[Tenant]) -> tuple[Opened, ...]:
        """The project with these tenants only."""
        return self._tracks(lambda _selection: tenants)

    async def _tracks_around(self, tenants: list[Tenant]) -> tuple[Opened, ...]:
        """The project with these tenants, and those of the catalogue that claim their places.

        The engine refuses tenants that claim one place, and has to see all of them for that.
        """
        return self._tracks_of([*tenants, *await self._rivals(tenants)])

    async def _rivals(self, tenants: list[Tenant]) -> list[Tenant]:
        if self._store is None:
            return []
        try:
            return await rivals(self._store, tenants, place_in(self._provider()))
        except NoTableError:
            return []  # nobody is in the catalogue

    def _fleet_of(self, tenant: Tenant) -> Fleet:
        """The history in which a tenant stands somewhere.

        Raises:
            ConfigurationError: tenants have several, and nobody said which is meant.
        """
        opened = self._own(self._tracks_of([tenant]))
        if len(opened) != 1:
            names = ", ".join(o.track.name for o in opened) or "none"
            raise ConfigurationError(
                f"which history of the tenants is meant? There are {names}; say track=NAME where"
                " the manager is made"
            )
        return opened[0].fleet

    def _own(self, every: tuple[Opened, ...]) -> tuple[Opened, ...]:
        """The tenants' own histories, or the one that is meant."""
        own = tuple(o for o in every if o.track.scope is Scope.TENANT)
        return tuple(o for o in own if self._track in (None, o.track.name))

    async def upgrade_tenant(
        self, tenant: Tenant, revision: str = "head", *, create: bool = False
    ) -> TenantResult:
        """Upgrade one tenant and return its result; with ``create`` its schema may be missing.

        Where tenants have several histories, all of them are upgraded, and the result is that of
        the last.

        Raises:
            MigrationFailedError: the tenant could not be brought to the revision, with the cause;
                another tenant of the catalogue that claims its place is one.
            ConfigurationError: the request itself is wrong, or a track that the tenants' wait for
                is behind; nothing was changed.
        """
        return await self._one(Command.UPGRADE, tenant, revision, create=create)

    async def downgrade_tenant(self, tenant: Tenant, revision: str = "-1") -> TenantResult:
        """Downgrade one tenant; as ``upgrade_tenant``."""
        return await self._one(Command.DOWNGRADE, tenant, revision)

    async def _one(
        self, command: Command, tenant: Tenant, revision: str, *, create: bool = False
    ) -> TenantResult:
        require_tenant(tenant)
        every = await self._tracks_around([tenant])
        own = self._own(every)
        if len(own) > 1 and means_one_track(command, revision):
            self._fleet_of(tenant)  # says that one of them has to be named
        result: TenantResult | None = None
        for opened in own:
            given: dict[str, object] = {"concurrency": 1, "create": create}
            only = opened.track.name
            request = TracksRun(every, command, revision, only=only, **given)
            ended = await run(request, Selection(), self._listener)
            result = next(r for r in results(ended) if r["tenant_id"] == tenant.id)
            if not result["success"]:
                raise MigrationFailedError(f"tenant {result['identifier']!r}: {result['error']}")
        if result is None:
            raise ConfigurationError(
                f"there is no history of the tenants that is called {self._track!r}; look at the"
                " tracks in the settings. Nothing was changed"
            )
        return result
