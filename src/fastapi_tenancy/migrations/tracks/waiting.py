"""Whom a track has to leave out, because a track that it waits for does not stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from fastapi_tenancy.model.outcome import Outcome
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope, Track


@dataclass(slots=True)
class _Fall:
    """What does not stand of one track; ``shards`` are those where it has a place at all."""

    scope: Scope
    anywhere: str | None = None
    shards: set[str | None] = field(default_factory=set)
    on_shards: dict[str | None, str] = field(default_factory=dict)
    at_tenants: dict[str, str] = field(default_factory=dict)

    def reason(self, scope: Scope, tenant: Tenant) -> str | None:
        """Why it holds back a tenant, or the stand-in of a track of another scope."""
        if self.scope is Scope.TENANT and scope is Scope.TENANT:
            return self.at_tenants.get(tenant.id)
        if Scope.DATABASE not in (self.scope, scope) and tenant.shard in self.shards:
            return self.on_shards.get(tenant.shard)
        return self.anywhere


class Fallen:
    """What does not stand, of tracks that others wait for.

    A tenant waits for itself, and for what is shared on its own server; a place that is nobody's
    for that on its own server, and for every tenant. Whoever has no server in common with the
    other track waits for all of it.
    """

    def __init__(self) -> None:
        self._falls: dict[str, _Fall] = {}

    def note(
        self, track: Track, outcomes: Iterable[Outcome], ahead: Collection[TargetKey] = ()
    ) -> None:
        """Remember what failed or was not started; what is ``ahead`` of the scripts stands."""
        for outcome in outcomes:
            self.see(track, outcome.target)
            if not (outcome.success or outcome.target.key in ahead):
                where = outcome.target.place
                told = f"it waits for the track {track.name!r}, which failed in {where}"
                self.mark(track, outcome.target, f"not started: {told}")

    def see(self, track: Track, target: Target) -> None:
        """Remember that a track has a place there."""
        if track.scope is not Scope.TENANT:
            self._of(track).shards.update(tenant.shard for tenant in target.tenants)

    def mark(self, track: Track, target: Target, told: str) -> None:
        """Remember that a track does not stand at one of its places."""
        fall = self._of(track)
        fall.anywhere = fall.anywhere or told
        for tenant in target.tenants:
            if track.scope is Scope.TENANT:
                fall.at_tenants[tenant.id] = told
            else:
                fall.on_shards[tenant.shard] = told

    def reason(self, track: Track, waits_for: Iterable[str], tenant: Tenant) -> str | None:
        """Why a tenant, or a stand-in for one, cannot be started; None if it can."""
        falls = (self._falls[name] for name in waits_for if name in self._falls)
        return next(filter(None, (fall.reason(track.scope, tenant) for fall in falls)), None)

    def _of(self, track: Track) -> _Fall:
        return self._falls.setdefault(track.name, _Fall(track.scope))
