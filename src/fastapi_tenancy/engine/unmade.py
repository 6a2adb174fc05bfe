"""Tenants that somebody is creating, and whose place is not made yet: they have not failed."""

from __future__ import annotations

from dataclasses import replace

from fastapi_tenancy.model.plan import Refusal
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.model.tenant import TenantStatus


def told_apart(refusal: Refusal) -> Refusal:
    """The refusal of a target as it is, or as one that is skipped because it is being created."""
    position, tenants = refusal.position, refusal.target.tenants
    being_created = all(tenant.status is TenantStatus.PROVISIONING for tenant in tenants)
    if position.state is not PositionState.MISSING or not being_created:
        return refusal
    target = refusal.target
    what = "schema" if target.schema else "file" if target.is_file else "database"
    told = (
        f"it is being created, and its {what} is not made yet: whoever creates it brings it to the"
        " head; --create (create=True) makes it now"
    )
    return replace(refusal, error=told, skipped=True)
