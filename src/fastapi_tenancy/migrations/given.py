"""MigrationManager: migrates the tenants it is given, wherever their isolation provider says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TypedDict

from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.asked import require_tenant, tenants_of
from fastapi_tenancy.migrations.fleet import Collect, in_own_loop, in_this_loop
from fastapi_tenancy.migrations.results import TenantResult, joined
from fastapi_tenancy.migrations.running import OneTenantCalls, position_of_one, results, run
from fastapi_tenancy.migrations.tracks.running import Ended, TracksRun
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.opening import open_store
from fastapi_tenancy.storage.database import NoTableError
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart

_GIVEN = Selection(statuses=frozenset(TenantStatus))
"""Those that were given; anything else means the whole catalogue."""


class FleetResult(TypedDict):
    """What happened to the tenants that were given, in numbers and one by one.

    ``skipped`` were left as they are and have not failed: they are being created, or what they wait
    for does not stand. Where the project has tracks of places that are nobody's, those are there
    that do not stand.
    """

    total: int
    success: int
    skipped: int
    failed: int
    failures: list[TenantResult]
    results: list[TenantResult]


class MigrationStatus(TypedDict):
    """Where a tenant stands and where it should; several heads are joined by commas."""

    current_revision: str | None
    head_revision: str | None
    is_up_to_date: bool


class MigrationManager(OneTenantCalls):
    """Migrates tenants with the engine behind ``tenancy upgrade``; nothing blocks the event loop.

    Defaults such as ``concurrency`` are those of the provider's configuration.

    Args:
        alembic_ini_path: the ini file of the Alembic project.
        isolation_provider: says where tenants live.
        store: the catalogue they are from, if there is one: a tenant whose place another one in it
            claims is then refused.
        listener: is given the events of each run.
        track: the one that is meant, where the settings have several histories of the tenants.
    """

    def __init__(
        self,
        alembic_ini_path: str | Path,
        isolation_provider: IsolationProvider,
        *,
        store: TenantStore | None = None,
        listener: Listener = silent,
        track: str | None = None,
    ) -> None:
        update = {"alembic_ini": Path(alembic_ini_path)}
        config = isolation_provider.config.model_copy(update=update)
        self._isolation = isolation_provider
        super().__init__(config, listener, store, track)

    async def upgrade_all_tenants(
        self,
        tenants: Iterable[Tenant],
        revision: str = "head",
        concurrency: int | None = None,
        *,
        create: bool = False,
    ) -> FleetResult:
        """Upgrade these tenants, except those that are marked deleted.

        Args:
            concurrency: tenants at a time on each server, a connection each.
            create: make schemas that are missing; without it, a missing one is a failure.

        A track that comes after the tenants' waits for all of them, those of the catalogue too that
        were not given: of ``store``, or of the one that the settings name.

        Returns:
            Numbers, and a result for every tenant: one that failed is in it, with its cause.

        Raises:
            ConfigurationError: the request itself is wrong; nothing was changed.
        """
        return await self._all(Command.UPGRADE, tenants, revision, concurrency, create=create)

    async def downgrade_all_tenants(
        self, tenants: Iterable[Tenant], revision: str = "-1", concurrency: int | None = None
    ) -> FleetResult:
        """Downgrade these tenants; as ``upgrade_all_tenants``."""
        return await self._all(Command.DOWNGRADE, tenants, revision, concurrency)

    async def get_migration_status(self, tenant: Tenant) -> MigrationStatus:
        """Where a tenant stands; ``current_revision`` is None if it was never migrated.

        Raises:
            ConfigurationError: its database cannot be read, or its schema name cannot be used.
        """
        require_tenant(tenant)
        fleet = self._fleet_of(tenant)
        history = await apart(fleet.history)
        position = await position_of_one(fleet)
        heads = tuple(sorted(history.heads))
        return MigrationStatus(
            current_revision=joined(position.heads),
            head_revision=joined(heads),
            is_up_to_date=tuple(sorted(position.heads)) == heads,
        )

    async def _all(
        self,
        command: Command,
        tenants: Iterable[Tenant],
        revision: str,
        concurrency: int | None,
        *,
        create: bool = False,
    ) -> FleetResult:
        given = [t for t in tenants_of(tenants) if t.status is not TenantStatus.DELETED]
        every = self._tracks(self._collect(given, await self._rivals(given)))
        request = TracksRun(
            every, command, revision, only=self._track, concurrency=concurrency, create=create
        )
        ended = await run(request, _GIVEN, self._listener)
        return _counted(list(_told(ended, {tenant.id for tenant in given})))

    def _collect(self, given: list[Tenant], others: list[Tenant]) -> Collect:
        """Reads the catalogue only where a track waits for tenants that were not given."""
        isolation, store = self._isolation, self._store
        known = None if store is None else in_this_loop(store, isolation)

        def tenants(selection: Selection) -> list[Tenant]:
            if selection == _GIVEN:
                return [*given, *others]
            collect = known or in_own_loop(open_store(self._config), isolation)
            try:
                return collect(Selection())
            except NoTableError:
                return given  # there is no catalogue, so nobody else is known

        return tenants

    def _provider(self) -> IsolationProvider:
        return self._isolation


def _told(ended: Iterable[Ended], given: Collection[str]) -> Iterator[TenantResult]:
    """The results of the tenants given, and of places that are nobody's and do not stand."""
    for one in ended:
        nobodys = one.track.scope is not Scope.TENANT
        for result in results([one]):
            if result["tenant_id"] in given or (nobodys and not result["success"]):
                yield result


def _counted(told: list[TenantResult]) -> FleetResult:
    failures = [r for r in told if r["outcome"] == OutcomeKind.FAILED]
    success = sum(r["success"] for r in told)
    return FleetResult(
        total=len(told),
        success=success,
        skipped=len(told) - success - len(failures),
        failed=len(failures),
        failures=failures,
        results=told,
    )
