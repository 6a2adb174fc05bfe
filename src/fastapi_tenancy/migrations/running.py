"""Runs the synchronous engine for asyncio callers, in a thread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.migrations.asked import require_tenant
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.results import TenantResult, results_of
from fastapi_tenancy.migrations.rivals import place_in, rivals
from fastapi_tenancy.model.event import Listener
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.storage.database import NoTableError
from fastapi_tenancy.storage.protocol import TenantStore


async def run(
    fleet: Fleet, options: RunOptions, selection: Selection, listener: Listener
) -> Report:
    """Carry out a run; when the caller is cancelled, tenants in flight finish and no other starts.

    Raises:
        ConfigurationError: the request cannot be carried out for anybody; nothing changed.
    """
    stop = Stop()
    running = asyncio.ensure_future(
        asyncio.to_thread(fleet.run, options, selection, listener=listener, stop=stop)
    )
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # A thread cannot be cancelled.
        stop.request()
        await asyncio.wait([running])
        raise


async def run_one(
    fleet: Fleet,
    tenant: Tenant,
    command: Command,
    revision: str,
    listener: Listener,
    *,
    create: bool = False,
) -> TenantResult:
    """Carry out a run of one tenant, alone or among those that claim its place.

    Raises:
        MigrationFailedError: the tenant could not be brought to the revision, with the cause.
        ConfigurationError: the request itself is wrong; nothing was changed.
    """
    options = fleet.options(command, revision, concurrency=1, create=create)
    report = await run(fleet, options, Selection(), listener)
    results = (r for o in report.outcomes for r in results_of(o))
    result = next(r for r in results if r["tenant_id"] == tenant.id)
    if not result["success"]:
        raise MigrationFailedError(f"tenant {result['identifier']!r}: {result['error']}")
    return result


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

    return await asyncio.to_thread(read)


class OneTenantCalls(ABC):
    """What both managers do for one tenant.

    Args:
        store: the catalogue in which others may claim the place of a tenant; None if none is known.
    """

    def __init__(self, listener: Listener, store: TenantStore | None) -> None:
        self._listener = listener
        self._store = store

    @abstractmethod
    def _fleet_of(self, tenants: list[Tenant]) -> Fleet:
        """The project with these tenants only."""

    async def _fleet_around(self, tenants: list[Tenant]) -> Fleet:
        """The project with these tenants, and those of the catalogue that claim their places.

        The engine refuses tenants that claim one place, and has to see all of them for that.
        """
        fleet = self._fleet_of(tenants)
        if self._store is None:
            return fleet
        try:
            others = await rivals(self._store, tenants, place_in(fleet.isolation))
        except NoTableError:
            return fleet  # nobody is in the catalogue
        return self._fleet_of([*tenants, *others])

    async def upgrade_tenant(
        self, tenant: Tenant, revision: str = "head", *, create: bool = False
    ) -> TenantResult:
        """Upgrade one tenant and return its result; with ``create`` its schema may be missing.

        Raises:
            MigrationFailedError: the tenant could not be brought to the revision, with the cause;
                another tenant of the catalogue that claims its place is one.
            ConfigurationError: the request itself is wrong; nothing was changed.
        """
        return await self._one(Command.UPGRADE, tenant, revision, create=create)

    async def downgrade_tenant(self, tenant: Tenant, revision: str = "-1") -> TenantResult:
        """Downgrade one tenant; as ``upgrade_tenant``."""
        return await self._one(Command.DOWNGRADE, tenant, revision)

    async def _one(
        self, command: Command, tenant: Tenant, revision: str, *, create: bool = False
    ) -> TenantResult:
        require_tenant(tenant)
        fleet = await self._fleet_around([tenant])
        return await run_one(fleet, tenant, command, revision, self._listener, create=create)
