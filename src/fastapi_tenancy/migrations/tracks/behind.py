"""Looks where tracks stand that another one waits for and that the run does not move."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from fastapi_tenancy.errors import ConfigurationError, UnknownRevisionError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.tracks.ahead import is_ahead, told_of
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.migrations.tracks.waiting import Fallen
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope, Track


class Look:
    """Finds what is behind of the tracks that one waits for.

    Args:
        track: the one that waits.
        fallen: is told what does not stand.
    """

    def __init__(self, track: Track, fallen: Fallen) -> None:
        self._track = track
        self._fallen = fallen
        self.warnings: list[str] = []

    def alone(self, waits_for: Iterable[Opened]) -> None:
        """Look at all of them: the track is asked for alone.

        A tenant that waits for itself is left to those who choose tenants.

        Raises:
            ConfigurationError: one of them stands nowhere where it should, or some tenant is
                behind that a place of nobody's waits for.
        """
        for opened in waits_for:
            of_tenants = opened.track.scope is Scope.TENANT
            if of_tenants and self._track.scope is Scope.TENANT:
                continue
            behind, standing = self._look(opened, opened.fleet)
            if behind and (of_tenants or not standing):
                told = self._told(opened.track, behind)
                raise ConfigurationError(f"{told}. Nothing was changed")

    def beyond(self, waits_for: Iterable[Opened], selection: Selection) -> None:
        """Look at tenants that are not chosen: a place that is nobody's waits for them too."""
        for opened in waits_for:
            if opened.track.scope is Scope.TENANT and self._track.scope is not Scope.TENANT:
                fleet = opened.fleet
                chosen = {tenant.id for tenant in fleet.tenants(selection)}
                others = [t for t in fleet.tenants(Selection()) if t.id not in chosen]
                self._look(opened, _of(others, fleet))

    def _look(self, opened: Opened, fleet: Fleet) -> tuple[list[str], int]:
        """The names of places that are behind, and how many are not."""
        before, history = opened.track, fleet.history()
        asked = before.asked("heads")
        history.require(asked)
        problem = cache(lambda heads: _problem(history, asked, heads))
        behind, ahead, standing = list[str](), list[str](), 0
        for found in fleet.standings(fleet.options(Command.UPGRADE, asked), Selection()):
            name, heads = found.target.place, found.position.heads
            self._fallen.see(before, found.target)
            if found.refusal is None and is_ahead(heads, history.known):
                ahead.append(name)
                continue
            why = found.refusal.error if found.refusal else problem(heads)
            if why is None:
                standing += 1
                continue
            behind.append(f"{name} ({why})" if why else name)
            if before.scope is not Scope.TENANT or len(behind) == 1:  # of tenants, one holds all
                self._fallen.mark(before, found.target, self._told(before, behind[-1:]))
        if ahead:
            self.warnings.append(told_of(before, ahead))
        return behind, standing + len(ahead)

    def _told(self, before: Track, names: list[str]) -> str:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return (
            f"the track {self._track.name!r} waits for {before.name!r}, which is not yet where it"
            f" should be in {names[0]}{more}: `tenancy upgrade --track {before.name}` brings it"
            " there, `tenancy upgrade` does all in their order"
        )


def _of(tenants: list[Tenant], fleet: Fleet) -> Fleet:
    return Fleet(fleet.config, lambda _selection: tenants, fleet.isolation)


def _problem(history: History, asked: str, heads: tuple[str, ...]) -> str | None:
    """Why who stands there does not stand where it should; empty if it is only behind."""
    try:
        return "" if history.span(Command.UPGRADE, asked, heads).moves else None
    except UnknownRevisionError as error:  # rows that contradict each other
        return str(error)
