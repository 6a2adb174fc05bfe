"""Creates one tenant: its row, its place, every history at its head; active when that is proven."""

from __future__ import annotations

import uuid
from dataclasses import replace

from fastapi_tenancy.errors import (
    ProvisioningError,
    TenancyError,
    TenantExistsError,
    TenantNotFoundError,
    TenantStatusError,
)
from fastapi_tenancy.isolation.filling import needs_shard
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.given import MigrationManager
from fastapi_tenancy.migrations.standing import read_stands
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.target import PositionState, Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.provision.baselines.choosing import Baselines
from fastapi_tenancy.provision.baselines.shelf import KeepsBaselines
from fastapi_tenancy.provision.claims import agreed_target, require_free
from fastapi_tenancy.provision.entering import enter, found, look, require_nothing_there
from fastapi_tenancy.provision.placing import enter_on_a_shard
from fastapi_tenancy.storage.exists import exists_already
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart

_SAID = ("id", "name", "tags", "schema_name", "database_url", "isolation_strategy", "host", "shard")
"""What a call says of a tenant; one that goes on has to say the same."""


async def id_of(store: TenantStore, identifier: str) -> str:
    """The id of the tenant that is being made under this identifier, or else a new one."""
    known = await found(store, identifier)
    if known is not None and known.status is TenantStatus.PROVISIONING:
        return known.id
    return uuid.uuid4().hex


async def create_tenant(
    wanted: Tenant,
    *,
    store: TenantStore,
    isolation: IsolationProvider,
    listener: Listener = silent,
    baselines: Baselines | None = None,
) -> Tenant:
    """Create a tenant that is current from its first second, and return it, active.

    A call that fails before anything is made leaves nothing. One that fails later, is cancelled
    or killed leaves the tenant as ``provisioning``: the same call again goes on from there.
    Nothing that was made is ever dropped, because somebody may have begun to use it.

    Args:
        wanted: the tenant; its status does not count.
        listener: is given the events of the migrations.
        baselines: remembers from one call to the next what new tenants are made of.

    Raises:
        TenantExistsError: it exists, or its names or its place are another's; or another call
            has just finished it.
        PlacementError: where it is to live cannot be used, or holds something already.
        ProvisioningError: it was begun and not finished; with the cause.
        ConfigurationError: it cannot be made at all; nothing was changed.
    """
    wanted = replace(wanted, status=TenantStatus.PROVISIONING)
    baselines = baselines or baselines_of(store, isolation)
    begun = None
    if needs_shard(wanted, isolation.config):
        begun = await found(store, wanted.identifier)
        if begun is None:
            begun = await enter_on_a_shard(wanted, store, isolation)
            return await _made(begun, store, baselines, isolation, listener)
        wanted = replace(wanted, shard=begun.shard)
    target = agreed_target(wanted, isolation)
    require_reachable(target)
    begun = begun or await found(store, wanted.identifier)
    if begun is None:
        if target.strategy is not IsolationStrategy.RLS:
            await require_nothing_there(wanted, await look(target, isolation), target, store)
        begun = await enter(wanted, store, isolation)
    else:
        _require_same(begun, wanted)
        await require_free(store, isolation, begun)
    return await _made(begun, store, baselines, isolation, listener)


def baselines_of(store: TenantStore, isolation: IsolationProvider) -> Baselines:
    """What new tenants are made of, kept where the list of tenants is if that can."""
    return Baselines(isolation, store.baselines if isinstance(store, KeepsBaselines) else None)


async def _made(
    begun: Tenant,
    store: TenantStore,
    baselines: Baselines,
    isolation: IsolationProvider,
    listener: Listener,
) -> Tenant:
    """Make the place of a tenant that was entered, and return it, active."""
    try:
        target = isolation.target(begun)
        if not await baselines.make(target, listener):
            await _migrate(begun, target, isolation, listener)
    except TenancyError as error:
        raise ProvisioningError(begun.identifier, error) from error
    return await _finish(begun, store)


def _require_same(begun: Tenant, wanted: Tenant) -> None:
    if begun.status is not TenantStatus.PROVISIONING:
        raise exists_already(begun)
    other = [name for name in _SAID if getattr(begun, name) != getattr(wanted, name)]
    if other:
        raise TenantExistsError(
            f"tenant {begun.identifier!r} is being created already (id {begun.id!r}), and what is"
            f" said of it now differs in: {', '.join(other)}. Say the same to finish it, or choose"
            " another identifier"
        )


async def _migrate(
    tenant: Tenant, target: Target, isolation: IsolationProvider, listener: Listener
) -> None:
    """Bring the tenant to the heads of its histories, as read back."""
    config = isolation.config
    if target.strategy is IsolationStrategy.RLS:
        stands = await apart(lambda: list(read_stands(config, isolation, tenant)))
        if all(stand.state is PositionState.VERSIONED for stand in stands):
            return  # the tables are everybody's: a new tenant does not move the others
    # Without a store: who claims its place has been looked at, and the list may be long.
    manager = MigrationManager(config.alembic_ini, isolation, listener=listener)
    await manager.upgrade_tenant(tenant, "heads", create=True)


async def _finish(tenant: Tenant, store: TenantStore) -> Tenant:
    try:
        return await store.set_status(tenant.id, TenantStatus.ACTIVE, [TenantStatus.PROVISIONING])
    except TenantStatusError as error:
        raise TenantExistsError(
            f"another call was quicker with tenant {tenant.identifier!r}: {error}"
        ) from error
    except TenantNotFoundError as error:
        raise ProvisioningError(tenant.identifier, error) from error
