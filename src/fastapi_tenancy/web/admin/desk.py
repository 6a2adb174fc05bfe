"""What the endpoints share: the manager, its tenants, its histories, and the runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from fastapi_tenancy.errors import ConfigurationError, TenantDeletedError, TenantNotFoundError
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.migrations.fleet import collect
from fastapi_tenancy.migrations.rivals import place_in
from fastapi_tenancy.migrations.tracks.opening import Opened, open_tracks
from fastapi_tenancy.migrations.tracks.running import TracksRun
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.web.admin.own import Moves, OwnHistories
from fastapi_tenancy.web.admin.refusals import BusyError, NoSuchRunError
from fastapi_tenancy.web.admin.runs.registry import FleetBusyError, Runs
from fastapi_tenancy.web.admin.runs.run import Run, Wish

T = TypeVar("T")

LOOKING = 4
"""Requests that look at servers at a time; others wait."""


class Desk:
    """Everything behind one admin router.

    Args:
        run_route: the name of the route of a run.
    """

    def __init__(self, manager: TenancyManager, run_route: str) -> None:
        self.manager = manager
        self.runs = Runs()
        self._run_route = run_route
        self._looking: CapacityLimiter | None = None

    async def ready(self) -> None:
        """Make the manager ready; a dependency of every endpoint."""
        await self.manager.initialize()

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Stop what runs when the application ends."""
        try:
            yield
        finally:
            await self.runs.close()

    async def tenant(self, name: str) -> Tenant:
        """The tenant of this identifier, or else of this id.

        Raises:
            TenantNotFoundError: there is none, or it is marked deleted.
        """
        store = self.manager.tenant_store
        if not name.isprintable():
            raise TenantNotFoundError(name)
        try:
            found = await store.get_by_identifier(name)
        except TenantNotFoundError:
            found = await store.get_by_id(name)
        if found.status is TenantStatus.DELETED:
            raise TenantDeletedError(name)
        return found

    def run(self, run_id: str) -> Run:
        """The run of this id.

        Raises:
            NoSuchRunError: this process has none, or none any more.
        """
        found = self.runs.get(run_id)
        if found is None:
            raise NoSuchRunError(
                f"no run {run_id!r} in this process, which keeps its own and the newest of them"
            )
        return found

    def run_path(self, request: Request, run: Run) -> str:
        """The path of a run, as clients see it."""
        path = request.app.url_path_for(self._run_route, run=run.id)
        return f"{request.scope.get('root_path', '')}{path}"

    async def look(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, in a thread.

        They are threads of their own: work that asks the catalogue waits for the event loop, and
        the catalogue itself for a thread of the loop.
        """
        if self._looking is None:
            self._looking = CapacityLimiter(LOOKING)
        return await to_thread.run_sync(work, limiter=self._looking)

    async def with_tracks(self, work: Callable[[tuple[Opened, ...]], T]) -> T:
        """Return what ``work`` makes of the histories of the project, in a thread.

        Raises:
            ConfigurationError: nothing says where one of them applies, or what ``work`` raises.
        """
        loop = asyncio.get_running_loop()
        return await self.look(lambda: work(self._opened(loop)))

    async def request(
        self,
        command: Command,
        revision: str,
        track: str | None,
        *,
        alone: bool = False,
        **given: object,
    ) -> Moves:
        """What is asked of the histories, once it is known that each has that revision.

        Args:
            alone: it is asked for one tenant, so that only the tenants' own histories are meant.

        Raises:
            ConfigurationError: one of them has not, or there is no such history, or it is not the
                tenants' own.
        """

        def checked(every: tuple[Opened, ...]) -> Moves:
            _require_track(every, track)
            request: Moves = (
                OwnHistories(every, command, revision, track, **given)
                if alone
                else TracksRun(every, command, revision, only=track, **given)
            )
            for asked in request.asked:
                asked.fleet.history().require(asked.options.revision)
            return request

        return await self.with_tracks(checked)

    def begin(
        self, http: Request, wish: Wish, request: Moves, selection: Selection
    ) -> tuple[Run, str]:
        """Begin a run and return it with its path.

        Raises:
            BusyError: it is about the fleet, and another such run is not over.
            TooManyRunsError: too many runs are not over.
        """
        try:
            run = self.runs.begin(wish, request, selection)
        except FleetBusyError as error:
            raise BusyError(str(error), self.run_path(http, error.run)) from error
        return run, self.run_path(http, run)

    def _opened(self, loop: asyncio.AbstractEventLoop) -> tuple[Opened, ...]:
        manager = self.manager
        place = place_in(manager.isolation_provider)

        def tenants(selection: Selection) -> list[Tenant]:
            reading = collect(manager.tenant_store, selection, place)
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        return open_tracks(manager.config, tenants, manager.isolation_provider)


def _require_track(every: tuple[Opened, ...], track: str | None) -> None:
    names = [opened.track.name for opened in every]
    if track is not None and track not in names:
        known = f"expected one of {', '.join(names)}" if names[0] else "the project has none"
        raise ConfigurationError(f"there is no track {track!r}; {known}")
