"""TenantMigrationManager: fleet migrations for asyncio applications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.manager import complete, open_isolation
from fastapi_tenancy.migrations.fleet import Fleet, collect
from fastapi_tenancy.migrations.results import TenantResult, joined, results_of
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import Outcome
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.protocol import TenantStore


class TenantMigrationManager:
    """Migrates one tenant, or all of them, with the engine behind ``tenancy upgrade``.

    Nothing blocks the event loop, and calls may overlap: a version guard in each tenant's own
    transaction keeps any revision from being applied twice.
    """

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore,
        alembic_cfg_path: str | Path = "alembic.ini",
        *,
        listener: Listener = silent,
    ) -> None:
        self._config = complete(config.model_copy(update={"alembic_ini": Path(alembic_cfg_path)}))
        self._store = store
        self._listener = listener

    async def upgrade_tenant(self, tenant: Tenant, revision: str = "head") -> TenantResult:
        """Upgrade one tenant and return its result.

        Raises:
            MigrationFailedError: the tenant could not be brought to the revision, with the cause.
            ConfigurationError: the request itself is wrong; nothing was changed.
        """
        return await self._one(Command.UPGRADE, tenant, revision)

    async def downgrade_tenant(self, tenant: Tenant, revision: str = "-1") -> TenantResult:
        """Downgrade one tenant; as ``upgrade_tenant``."""
        return await self._one(Command.DOWNGRADE, tenant, revision)

    async def upgrade_all(
        self,
        revision: str = "head",
        concurrency: int | None = None,
        *,
        statuses: Iterable[TenantStatus] | None = None,
    ) -> list[TenantResult]:
        """Upgrade every tenant that is not deleted, suspended ones too.

        Args:
            concurrency: tenants at a time, a connection each; 10 unless configured.
            statuses: only tenants of these.

        Returns:
            A result for every tenant: one that failed is in it, with its cause.

        Raises:
            ConfigurationError: the request itself is wrong; nothing was changed.
        """
        return await self._all(Command.UPGRADE, revision, concurrency, statuses)

    async def downgrade_all(
        self,
        revision: str = "-1",
        concurrency: int | None = None,
        *,
        statuses: Iterable[TenantStatus] | None = None,
    ) -> list[TenantResult]:
        """Downgrade every tenant that is not deleted; as ``upgrade_all``."""
        return await self._all(Command.DOWNGRADE, revision, concurrency, statuses)

    async def get_current_revision(self, tenant: Tenant) -> str | None:
        """The revision a tenant stands at; several heads joined by commas; None if never migrated.

        Raises:
            ConfigurationError: its database cannot be read, or its schema name cannot be used.
        """
        fleet = self._fleet(lambda _selection: [tenant])

        def read() -> str | None:
            options = fleet.options(Command.UPGRADE, "head")
            for standing in fleet.standings(options, Selection()):
                if standing.refusal is not None:
                    raise MigrationFailedError(standing.refusal.error)
                return joined(standing.position.heads)
            return None

        return await asyncio.to_thread(read)

    async def _one(self, command: Command, tenant: Tenant, revision: str) -> TenantResult:
        outcomes = await self._run(
            self._fleet(lambda _selection: [tenant]), command, revision, 1, Selection()
        )
        result = next(r for o in outcomes for r in results_of(o))
        if not result["success"]:
            raise MigrationFailedError(f"tenant {tenant.identifier!r}: {result['error']}")
        return result

    async def _all(
        self,
        command: Command,
        revision: str,
        concurrency: int | None,
        statuses: Iterable[TenantStatus] | None,
    ) -> list[TenantResult]:
        loop = asyncio.get_running_loop()

        def tenants(selection: Selection) -> list[Tenant]:
            # The store belongs to the caller's loop: ask it there, from the worker thread.
            reading = collect(self._store, selection)
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        chosen = Selection(statuses=None if statuses is None else frozenset(statuses))
        outcomes = await self._run(self._fleet(tenants), command, revision, concurrency, chosen)
        return [result for outcome in outcomes for result in results_of(outcome)]

    async def _run(
        self,
        fleet: Fleet,
        command: Command,
        revision: str,
        concurrency: int | None,
        selection: Selection,
    ) -> tuple[Outcome, ...]:
        options = fleet.options(command, revision, concurrency=concurrency)
        stop = Stop()
        running = asyncio.ensure_future(
            asyncio.to_thread(fleet.run, options, selection, listener=self._listener, stop=stop)
        )
        try:
            report = await asyncio.shield(running)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: let the tenants in flight finish, start no other.
            stop.request()
            await asyncio.wait([running])
            raise
        return report.outcomes

    def _fleet(self, tenants: Callable[[Selection], list[Tenant]]) -> Fleet:
        return Fleet(self._config, tenants, open_isolation(self._config))
