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
    """What does not stand, of tracks that others wait for."""

    _everywhere: dict[str, str] = field(default_factory=dict)
    _on_shards: dict[tuple[str, str | None], str] = field(default_factory=dict)
    _at_tenants: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, track: Track, outcomes: Iterable[Outcome]) -> None:
        """Remember what failed or was not started."""
        for outcome in outcomes:
            if not outcome.success:
                where = outcome.target.name
                told = f"it waits for the track {track.name!r}, which failed at {where}"
                self.mark(track, outcome.target.tenants, f"not started: {told}")

    def mark(self, track: Track, tenants: Iterable[Tenant], told: str) -> None:
        """Remember that a track does not stand for these tenants, or stand-ins for some."""
        for tenant in tenants:
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


def behind(waits_for: Iterable[Opened], track: Track) -> Fallen:
    """What is behind of the tracks that one waits for which is asked for alone.

    Tracks of tenants are left to those who choose tenants: only places that are nobody's own count.

    Raises:
        ConfigurationError: one of them stands nowhere where it should.
    """
    fallen = Fallen()
    for opened in waits_for:
        if opened.track.scope is not Scope.TENANT:
            _look(opened, track, fallen)
    return fallen


def _look(opened: Opened, track: Track, fallen: Fallen) -> None:
    before, asked = opened.track, opened.track.asked("heads")
    options = opened.fleet.options(Command.UPGRADE, asked)
    history, standing_somewhere, told = opened.fleet.history(), False, ""
    for standing in opened.fleet.standings(options, Selection()):
        heads = standing.position.heads
        if not standing.refusal and not history.span(Command.UPGRADE, asked, heads).moves:
            standing_somewhere = True
            continue
        told = (
            f"the track {track.name!r} waits for {before.name!r}, which is not yet where it should"
            f" be at {standing.target.name}: `tenancy upgrade --track {before.name}` brings it"
            " there, `tenancy upgrade` does all in their order"
        )
        fallen.mark(before, standing.target.tenants, told)
    if not standing_somewhere:
        raise ConfigurationError(f"{told}. Nothing was changed")
