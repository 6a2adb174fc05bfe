"""Enters a new tenant into the catalogue; its place has to be nobody's and empty."""

from __future__ import annotations

from fastapi_tenancy.errors import PlacementError, TenantExistsError, TenantNotFoundError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.observe.contents import Contents, read_contents
from fastapi_tenancy.provision.claims import require_free
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart


async def found(store: TenantStore, identifier: str) -> Tenant | None:
    """The tenant of this identifier, if there is one."""
    try:
        return await store.get_by_identifier(identifier)
    except TenantNotFoundError:
        return None


async def look(target: Target, isolation: IsolationProvider) -> Contents:
    """Whether a place is there and holds anything.

    Raises:
        ServerUnreachableError: its server did not take the connection.
        ConfigurationError: the place cannot be looked at.
    """
    return await apart(lambda: read_contents(target, isolation.config.connect_timeout_s))


async def require_nothing_there(
    wanted: Tenant, contents: Contents, target: Target, store: TenantStore
) -> None:
    """Refuse a place of a tenant's own that holds something.

    Raises:
        TenantExistsError: another call for the same tenant was quicker.
        PlacementError: it is somebody's, and nobody knows whose.
    """
    if contents is not Contents.TAKEN:
        return
    quicker = await found(store, wanted.identifier)
    if quicker is not None:
        raise TenantExistsError(
            f"tenant {wanted.identifier!r} has just been entered by another call"
            f" (id {quicker.id!r}, {quicker.status.value})"
        )
    what = "schema" if target.schema else "database"
    raise PlacementError(
        f"the {what} {target.name!r} holds something already, and a new tenant must not see what"
        f" somebody left there. If it is the data of {wanted.identifier!r}, `tenancy tenants add`"
        " takes it into the list as it is; otherwise give the tenant another place. Nothing was"
        " changed"
    )


async def enter(wanted: Tenant, store: TenantStore, isolation: IsolationProvider) -> Tenant:
    """Enter the tenant.

    Raises:
        TenantExistsError: it exists, or its names or its place are another's.
    """
    begun = await store.create(wanted)
    try:
        await require_free(store, isolation, begun)
    except TenantExistsError:
        await withdraw(begun, store)
        raise
    return begun


async def withdraw(begun: Tenant, store: TenantStore) -> None:
    """Take back a row of our own; nothing was made for it yet."""
    await store.delete(begun.id, hard=True)
