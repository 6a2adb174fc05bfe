"""Whom a track has to leave out, because a track that it waits for does not stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.outcome import Outcome
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope, Track


@dataclass(slots=True)
class Fallen:
    """What did not come to stand, of tracks that others wait for."""

    _everywhere: dict[str, str] = field(default_factory=dict)
    _on_shards: dict[tuple[str, str | None], str] = field(default_factory=dict)
    _at_tenants: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, track: Track, outcomes: Iterable[Outcome]) -> None:
        """Remember what failed or was not started."""
        for outcome in outcomes:
            if outcome.success:
                continue
            where = outcome.target.name
            told = f"not started: it waits for the track {track.name!r}, which failed at {where}"
            for tenant in outcome.target.tenants:
                if track.scope is Scope.DATABASE:
                    self._everywhere[track.name] = told
                elif track.scope is Scope.TENANT:
                    self._at_tenants[track.name, tenant.id] = told
                else:
                    self._on_shards[track.name, tenant.shard] = told

    def reason(self, waits_for: Iterable[str], tenant: Tenant) -> str | None:
        """Why a tenant, or a stand-in for one, cannot be started; None if it can."""
        for name in waits_for:
            told = (
                self._everywhere.get(name)
                or self._on_shards.get((name, tenant.shard))
                or self._at_tenants.get((name, tenant.id))
            )
            if told:
                return told
        return None


def require_standing(waits_for: Iterable[Opened], track: Track) -> None:
    """Refuse to begin one track alone while another that it waits for is behind.

    Tracks of tenants are left to those who choose tenants: only places that are nobody's own count.

    Raises:
        ConfigurationError: one of them does not stand where it should.
    """
    for opened in waits_for:
        if opened.track.scope is Scope.TENANT:
            continue
        asked = opened.track.asked("heads")
        options = opened.fleet.options(Command.UPGRADE, asked)
        history = opened.fleet.history()
        for standing in opened.fleet.standings(options, Selection()):
            heads = standing.position.heads
            behind = standing.refusal or history.span(Command.UPGRADE, asked, heads).moves
            if behind:
                raise ConfigurationError(
                    f"the track {track.name!r} waits for {opened.track.name!r}, which is not yet"
                    f" where it should be at {standing.target.name}: `tenancy upgrade --track"
                    f" {opened.track.name}` brings it there, `tenancy upgrade` does all in their"
                    " order. Nothing was changed"
                )
