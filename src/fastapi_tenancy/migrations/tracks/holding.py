"""Holds back the tenants whose turn has not come: what they wait for does not stand."""

from __future__ import annotations

from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.tracks.waiting import Fallen
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Track


class Holding:
    """The tenants of one track, without those that are held back.

    Args:
        track: that of the fleet.
        waits_for: the names of the tracks that have to stand.
        kind: what becomes of those that are held back.
    """

    def __init__(
        self,
        fleet: Fleet,
        track: Track,
        fallen: Fallen,
        waits_for: tuple[str, ...],
        kind: OutcomeKind,
    ) -> None:
        self._fleet = fleet
        self._track = track
        self._fallen = fallen
        self._waits_for = waits_for
        self._kind = kind
        self._held: dict[str, tuple[Tenant, str]] = {}

    def fleet(self) -> Fleet:
        """The fleet of those whose turn has come."""
        return Fleet(self._fleet.config, self._tenants, self._fleet.isolation)

    def outcomes(self) -> list[Outcome]:
        """What became of the others, of all that the fleet was asked for."""
        targets = targets_of(self._fleet, [tenant for tenant, _ in self._held.values()])
        return [Outcome(t, self._kind, error=self._held[t.tenant.id][1]) for t in targets]

    def _tenants(self, selection: Selection) -> list[Tenant]:
        started = []
        for tenant in self._fleet.tenants(selection):
            reason = self._fallen.reason(self._track, self._waits_for, tenant)
            if reason is None:
                started.append(tenant)
            else:
                self._held[tenant.id] = tenant, reason
        return started


def targets_of(fleet: Fleet, tenants: list[Tenant]) -> tuple[Target, ...]:
    """Where these tenants live, or would."""
    resolved = resolve(fleet.isolation, tenants)
    return (*resolved.targets, *(refusal.target for refusal in resolved.refusals))
