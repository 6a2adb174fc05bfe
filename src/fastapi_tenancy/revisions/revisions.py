"""What an application knows of its tenants' revisions, and does about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.revisions import AtStart, WhenBehind
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.moved import subscribe as subscribe_to_runs
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.revisions.at_start import StartRun
from fastapi_tenancy.revisions.census import FleetShare
from fastapi_tenancy.revisions.gate import RevisionGate
from fastapi_tenancy.revisions.looking import Looker
from fastapi_tenancy.revisions.on_request import OnRequest
from fastapi_tenancy.revisions.opening import open_judges
from fastapi_tenancy.revisions.reading import Positions
from fastapi_tenancy.revisions.share import SharedCount
from fastapi_tenancy.storage.changes import Change, subscribe
from fastapi_tenancy.storage.leases import LeaseTable
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart


class Revisions:
    """Migrates at the start, lets requests through or not, and counts the fleet.

    Where the settings ask for nothing of it, it loads nothing and lets everybody through.

    Args:
        brought: called with each tenant that was migrated for its request.
    """

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore,
        isolation: IsolationProvider,
        brought: Callable[[Tenant], Awaitable[None]],
    ) -> None:
        self._config = config
        self._store = store
        self._isolation = isolation
        self._brought = brought
        self._looker: Looker | None = None
        self._positions: Positions | None = None
        self._on_request: OnRequest | None = None
        self._gate: RevisionGate | None = None
        self._count: SharedCount | None = None
        self._told = ExitStack()

    async def open(self) -> None:
        """Migrate what the settings say, and make ready for requests.

        Raises:
            MigrationFailedError: shared tables could not be migrated at the start.
            ConfigurationError: the scripts or the settings cannot be used.
        """
        config = self._config
        migrates = config.when_behind is WhenBehind.MIGRATE
        leases = LeaseTable(config.catalogue_url, connect_timeout_s=config.connect_timeout_s)
        try:
            if migrates or config.migrate_at_start is not AtStart.NO:
                await leases.prepare()
            if config.migrate_at_start is not AtStart.NO:
                await StartRun(config, self._store, self._isolation, leases).run()
        finally:
            await leases.close()
        if config.watches_revisions:
            await self._open_gate(leases if migrates else None)

    async def close(self) -> None:
        """Give up what is under way and close every connection; it may be opened again."""
        self._told.close()
        for one in (self._count, self._gate, self._on_request):
            if one is not None:
                await one.close()
        if self._positions is not None:
            self._positions.close()
        if self._looker is not None:
            self._looker.lines.close()
        self._looker = self._positions = self._on_request = self._gate = self._count = None

    def admits(self, tenant: Tenant) -> bool:
        """True where a request of the tenant need not wait for ``admit``; asks nobody."""
        return self._gate is None or self._gate.admits(tenant)

    async def admit(self, tenant: Tenant) -> None:
        """Return when the tenant can be served.

        Raises:
            RevisionNotServedError: it cannot, for now; says where it stands, for the log.
        """
        if self._gate is not None:
            await self._gate.admit(tenant)

    def forget(self, tenant_id: str) -> None:
        """Look again where a tenant stands: it was migrated, or lives elsewhere."""
        if self._gate is not None:
            self._gate.forget(tenant_id)

    async def share(self) -> FleetShare:
        """How many of the active tenants are at a revision that the application serves.

        Raises:
            ConfigurationError: the scripts cannot be used, or the catalogue cannot be read.
        """
        if self._count is None:
            looker = await self._opened_looker()
            ttl_s = self._config.ready_ttl_s
            self._count = SharedCount(looker, self._isolation, self._store, ttl_s)
        return await self._count.share()

    async def _open_gate(self, leases: LeaseTable | None) -> None:
        looker = await self._opened_looker()
        config, isolation = self._config, self._isolation
        self._positions = Positions(looker)
        if leases is not None:
            self._on_request = OnRequest(
                config, self._store, isolation, self._positions, leases, self._brought
            )
        self._gate = RevisionGate(config, isolation, self._positions, self._on_request)
        self._told.callback(subscribe(self._changed))
        self._told.callback(subscribe_to_runs(self._moved))

    async def _opened_looker(self) -> Looker:
        if self._looker is None:
            judges = await apart(lambda: open_judges(self._config))
            self._looker = self._looker or Looker(judges, self._config.connect_timeout_s)
        return self._looker

    def _changed(self, change: Change) -> None:
        for names in (*change.before, *change.after):
            self.forget(names.id)

    def _moved(self, target: Target) -> None:
        for tenant in target.tenants:
            self.forget(tenant.id)
