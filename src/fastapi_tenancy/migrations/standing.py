"""Where one tenant stands in each of its histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.status import read_standings, summarize
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.results import joined
from fastapi_tenancy.migrations.tracks.opening import Opened, open_tracks
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.model.url import masked


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a tenant stands in one history, and where it should; several heads joined by commas.

    ``track`` is empty where the project has one history. ``half_done`` names a revision of which
    an interrupted run has committed a part; ``problem`` says why nothing can be read.
    """

    track: str
    state: PositionState
    current: str | None = None
    wanted: str | None = None
    there: bool = False
    half_done: str | None = None
    problem: str | None = None


def read_stands(
    config: TenancyConfig, isolation: IsolationProvider, tenant: Tenant
) -> Iterator[Stand]:
    """Give where a tenant stands in each of its histories; what cannot be read says why."""
    for opened in open_tracks(config, lambda _selection: [tenant], isolation):
        if opened.track.scope is not Scope.TENANT:
            continue
        try:
            yield _stand(opened, tenant)
        except TenancyError as error:
            problem = masked(str(error))
            yield Stand(opened.track.name, PositionState.UNREADABLE, problem=problem)


def _stand(opened: Opened, tenant: Tenant) -> Stand:
    revision, fleet = opened.track.asked("heads"), opened.fleet
    history, options = fleet.history(), fleet.options(Command.UPGRADE, revision)
    (found,) = read_standings(history, fleet.isolation, options, [tenant])
    position = found.position
    counted = summarize(history, [found], revision)
    return Stand(
        opened.track.name,
        PositionState.UNREADABLE if found.refusal else position.state,
        joined(position.heads),
        joined(tuple(sorted(counted.heads))),
        there=counted.at_head == 1,
        half_done=position.half_done[0] if position.half_done else None,
        problem=found.refusal.error if found.refusal else None,
    )
