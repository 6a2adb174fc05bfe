"""Where a track stands that is not about tenants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, action, fine, note
from fastapi_tenancy.cli.checking.versions import CHECK
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.tracks.opening import open_track
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.opening import open_isolation

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.engine.status import Standing
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.model.track import Track


def look_at_track(config: TenancyConfig, track: Track) -> Iterator[Finding]:
    """Say where each of its places stands."""
    try:
        fleet = open_track(track, config, lambda _selection: [], open_isolation(config)).fleet
        history, asked = fleet.history(), track.asked("heads")
        for standing in fleet.standings(fleet.options(Command.UPGRADE, asked), Selection()):
            yield _standing(standing, history, asked, track)
    except ConfigurationError as error:
        yield action(CHECK, str(error))


def _standing(standing: Standing, history: History, asked: str, track: Track) -> Finding:
    name, position = standing.target.name, standing.position
    upgrade = f"`tenancy upgrade --track {track.name}`"
    if standing.refusal is not None:
        return action(CHECK, f"{name}: {standing.refusal.error}")
    unknown = sorted(set(position.heads) - history.known)
    if unknown:
        told = f"{name}: at {', '.join(unknown)}, which the scripts do not know"
        return action(CHECK, told, "bring the file of that revision back (another branch?)")
    if position.half_done:
        told = f"{name}: an interrupted run left a revision half done"
        return action(CHECK, told, f"{upgrade} goes on where that one stopped")
    if position.state is PositionState.MISSING:
        return note(CHECK, f"{name} does not exist", upgrade)
    if history.span(Command.UPGRADE, asked, position.heads).moves:
        stands = ", ".join(position.heads) or "no revision"
        return note(CHECK, f"{name} is behind, at {stands}", upgrade)
    return fine(CHECK, f"{name} is at {', '.join(position.heads) or 'the base'}")
