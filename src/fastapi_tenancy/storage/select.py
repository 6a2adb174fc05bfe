"""Which tenants of a catalogue a command is about."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi_tenancy.model.tenant import Tenant, TenantStatus


def matches(
    tenant: Tenant,
    *,
    identifiers: frozenset[str],
    tags: Mapping[str, str],
    statuses: frozenset[TenantStatus] | None,
    exclude: frozenset[str],
) -> bool:
    """Return True if ``tenant`` is selected.

    ``identifiers`` and ``exclude`` hold ids or identifiers; no ``identifiers`` means all.
    Every one of ``tags`` must be there with that value. ``statuses`` None means every
    tenant that is not deleted.
    """
    names = {tenant.id, tenant.identifier}
    if names & exclude or (identifiers and not names & identifiers):
        return False
    if statuses is None:
        alive = tenant.status is not TenantStatus.DELETED
    else:
        alive = tenant.status in statuses
    return alive and all(tenant.tags.get(key) == value for key, value in tags.items())
