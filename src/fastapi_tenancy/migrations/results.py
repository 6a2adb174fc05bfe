"""Outcomes as mappings, one for each tenant: for Python callers and for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NotRequired, TypedDict

from fastapi_tenancy.model.outcome import Outcome


class TenantResult(TypedDict):
    """What happened to one tenant; ``duration_ms`` is in milliseconds.

    ``revision`` is where the tenant stands now: None where it has no revision. ``track`` is there
    where the project has several histories.
    """

    tenant_id: str
    identifier: str
    target: str
    from_revision: str | None
    to_revision: str | None
    revision: str | None
    success: bool
    outcome: str
    road: str | None
    error: str | None
    duration_ms: float
    track: NotRequired[str]


def results_of(outcome: Outcome, track: str = "") -> Iterator[TenantResult]:
    """A result for each tenant that lives at the outcome's target."""
    reached = joined(outcome.to_heads)
    for tenant in outcome.target.tenants:
        result = TenantResult(
            tenant_id=tenant.id,
            identifier=tenant.identifier,
            target=outcome.target.name,
            from_revision=joined(outcome.from_heads),
            to_revision=reached,
            revision=reached,
            success=outcome.success,
            outcome=outcome.kind.value,
            road=outcome.road or None,
            error=outcome.error,
            duration_ms=round(outcome.duration_ms, 1),
        )
        if track:
            result["track"] = track
        yield result


def joined(heads: tuple[str, ...]) -> str | None:
    """Heads as one text, several joined by commas; None where there is none."""
    return ",".join(heads) or None
