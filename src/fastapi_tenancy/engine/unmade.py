"""Tenants that somebody is creating, and whose place is not made yet: they have not failed."""

from __future__ import annotations

from dataclasses import replace

from fastapi_tenancy.model.plan import Refusal
from fastapi_tenancy.model.target import PositionState


def told_apart(refusal: Refusal) -> Refusal:
    """The refusal of a target as it is, or as one that is skipped because it is being created."""
    target = refusal.target
    if refusal.position.state is not PositionState.MISSING or not target.is_being_created:
        return refusal
    told = (
        f"it is being created, and its {target.what} is not made yet: whoever creates it brings"
        " it to the head; --create (create=True) makes it now"
    )
    return replace(refusal, error=told, skipped=True)
