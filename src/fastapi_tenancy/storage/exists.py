"""What two tenants may not share, and what a tenant's status does not allow."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable

from fastapi_tenancy.errors import ConfigurationError, TenantExistsError, TenantStatusError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.alike import common_name


def clash(tenant: Tenant, other: Tenant) -> str | None:
    """Return which value of ``tenant`` belongs to ``other`` already, in words, or None.

    Schemas clash in the common database, and on one shard: tenants with a database of their
    own may each call their schema the same. So do identifiers of which the same name would be
    made.
    """
    if tenant.id == other.id:
        return f"id {tenant.id!r}"
    if tenant.identifier == other.identifier:
        return f"identifier {tenant.identifier!r}"
    if tenant.host is not None and tenant.host == other.host:
        return f"host {tenant.host!r}"
    if common_schema(tenant) is not None and common_schema(tenant) == common_schema(other):
        return f"schema_name {tenant.schema_name!r}"
    if common_name(tenant) is not None and common_name(tenant) == common_name(other):
        # As names of schemas and databases are made of it.
        return f"identifier {tenant.identifier!r} (without case and marks)"
    return None


def common_schema(tenant: Tenant) -> tuple[str | None, str] | None:
    """The schema a tenant names in a database that it shares with others, behind its shard."""
    if tenant.schema_name is None or tenant.database_url is not None:
        return None
    return tenant.shard, tenant.schema_name


def exists_error(tenant: Tenant, others: Iterable[Tenant]) -> ConfigurationError:
    """Return the error for ``tenant`` when one of ``others`` stands in its way."""
    for other in others:
        taken = clash(tenant, other)
        if taken and tenant.identifier == other.identifier:
            return exists_already(other)
        if taken:
            return TenantExistsError(
                f"the {taken} of tenant {tenant.identifier!r} is taken by tenant"
                f" {other.identifier!r} (id {other.id!r}, {other.status}). Choose another"
                f"{_or_free_it(other)}"
            )
    return ConfigurationError(
        f"the catalogue refused tenant {tenant.identifier!r}: another process changed it at the"
        " same moment, or its table has rules of its own. Try again"
    )


def exists_already(there: Tenant) -> TenantExistsError:
    """Return the error for a new tenant whose identifier ``there`` has, and what can be done."""
    name = shlex.quote(there.identifier)
    ways = {
        TenantStatus.PROVISIONING: f"`tenancy tenants create {name}` finishes it",
        TenantStatus.DELETED: back_again(there),
    }
    way = ways.get(
        there.status, f"`tenancy tenants show {name}` shows it; choose another identifier"
    )
    return TenantExistsError(
        f"tenant {there.identifier!r} exists already (id {there.id!r}, {there.status}); {way}"
    )


def back_again(deleted: Tenant) -> str:
    """How a deleted tenant, whose data is still there, comes into the list again; in words."""
    name = shlex.quote(deleted.identifier)
    return (
        f"`tenancy tenants remove {name} --hard` takes it out of the list, and"
        f" `tenancy tenants add {name} --id {shlex.quote(deleted.id)}` takes it in again with its"
        " data"
    )


def _or_free_it(other: Tenant) -> str:
    if other.status is not TenantStatus.DELETED:
        return ""
    name = shlex.quote(other.identifier)
    return f", or free it: `tenancy tenants remove {name} --hard`, which leaves the data"


def status_error(
    tenant: Tenant, status: TenantStatus, among: Collection[TenantStatus]
) -> TenantStatusError:
    """Return the error for ``tenant`` when it cannot be given ``status`` now."""
    wanted = " or ".join(one.value for one in TenantStatus if one in among)
    way = ""
    if tenant.status is TenantStatus.DELETED:
        way = f"; {back_again(tenant)}"
    elif tenant.status is TenantStatus.PROVISIONING:
        way = f"; `tenancy tenants create {shlex.quote(tenant.identifier)}` finishes it"
    return TenantStatusError(
        f"tenant {tenant.identifier!r} is {tenant.status.value}; expected one that is {wanted}, to"
        f" make it {status.value}. Nothing was changed{way}"
    )
