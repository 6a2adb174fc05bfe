"""TenantMigrationManager: fleet migrations for asyncio applications."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.asked import require_tenant, statuses_of
from fastapi_tenancy.migrations.fleet import in_this_loop
from fastapi_tenancy.migrations.given import MigrationManager
from fastapi_tenancy.migrations.results import TenantResult, joined
from fastapi_tenancy.migrations.running import OneTenantCalls, position_of_one, results, run
from fastapi_tenancy.migrations.tracks.running import TracksRun
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.opening import complete, open_isolation
from fastapi_tenancy.storage.protocol import TenantStore

__all__ = ["MigrationManager", "TenantMigrationManager"]


class TenantMigrationManager(OneTenantCalls):
    """Migrates one tenant, or all of them, with the engine behind ``tenancy upgrade``.

    Nothing blocks the event loop, and calls may overlap: a version guard in each tenant's own
    transaction keeps any revision from being applied twice.

    Args:
        alembic_cfg_path: the ini file, of every track that does not name one of its own.
        listener: is given the events of each run.
        track: the one that is meant, where the settings have several.
    """

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore,
        alembic_cfg_path: str | Path = "alembic.ini",
        *,
        listener: Listener = silent,
        track: str | None = None,
    ) -> None:
        update = {"alembic_ini": Path(alembic_cfg_path)}
        self._catalogue = store
        super().__init__(complete(config.model_copy(update=update)), listener, store, track)

    async def upgrade_all(
        self,
        revision: str = "head",
        concurrency: int | None = None,
        *,
        statuses: Iterable[TenantStatus | str] | None = None,
        create: bool = False,
    ) -> list[TenantResult]:
        """Upgrade every tenant that is not deleted, suspended ones too.

        Args:
            concurrency: tenants at a time on each server, a connection each; 10 unless configured.
            statuses: only tenants of these, named by the value or not.
            create: make schemas that are missing; without it, a missing one is a failure.

        Returns:
            A result for every tenant: one that failed is in it, with its cause.

        Raises:
            ConfigurationError: the request itself is wrong; nothing was changed.
        """
        return await self._all(Command.UPGRADE, revision, concurrency, statuses, create=create)

    async def downgrade_all(
        self,
        revision: str = "-1",
        concurrency: int | None = None,
        *,
        statuses: Iterable[TenantStatus | str] | None = None,
    ) -> list[TenantResult]:
        """Downgrade every tenant that is not deleted; as ``upgrade_all``."""
        return await self._all(Command.DOWNGRADE, revision, concurrency, statuses)

    async def get_current_revision(self, tenant: Tenant) -> str | None:
        """The revision a tenant stands at; several heads joined by commas; None if never migrated.

        Raises:
            ConfigurationError: its database cannot be read, or its schema name cannot be used.
        """
        require_tenant(tenant)
        position = await position_of_one(self._fleet_of(tenant))
        return joined(position.heads)

    async def _all(
        self,
        command: Command,
        revision: str,
        concurrency: int | None,
        statuses: Iterable[TenantStatus | str] | None,
        *,
        create: bool = False,
    ) -> list[TenantResult]:
        chosen = Selection(statuses=statuses_of(statuses))
        request = TracksRun(
            self._tracks(in_this_loop(self._catalogue, self._provider())),
            command,
            revision,
            only=self._track,
            concurrency=concurrency,
            create=create,
        )
        return list(results(await run(request, chosen, self._listener)))

    def _provider(self) -> IsolationProvider:
        return open_isolation(self._config)
