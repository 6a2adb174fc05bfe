"""Moves the targets of every server, and ends those of a server that cannot be worked on."""

from __future__ import annotations

from dataclasses import replace

from fastapi_tenancy.engine.brief import failed
from fastapi_tenancy.engine.lanes import LOST, Group, Lane, in_lanes
from fastapi_tenancy.engine.verify import UNREAD
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.url import masked


def move(lanes: list[Lane], *, again: bool) -> None:
    """Bring every target to its outcome.

    Args:
        again: others have been moved before, so nothing refuses the whole run any more.

    Raises:
        ConfigurationError: the request cannot be carried out for anybody; nothing changed.
    """
    refused: list[tuple[Lane, Group, TenancyError]] = []

    def work(lane: Lane, group: Group) -> None:
        try:
            group.site.run(group.targets)
        except LOST:
            raise
        except TenancyError as error:
            refused.append((lane, group, error))

    in_lanes(lanes, work, _lose, forgiving=again)
    if refused and not again and not any(_moved(lane) for lane in lanes):
        raise refused[0][2]
    for lane, group, error in refused:
        _lose(lane, group, masked(str(error)))


def _moved(lane: Lane) -> bool:
    """Whether anything was changed, or may have been."""
    outcomes = (lane.brief.tally.outcome(t.key) for g in lane.groups for t in g.targets)
    return any(o is not None and (o.kind is OutcomeKind.MIGRATED or o.road) for o in outcomes)


def _lose(lane: Lane, group: Group, told: str) -> None:
    """End what is not ended, and take back what nobody could prove."""
    tally = lane.brief.tally
    for target in group.targets:
        if tally.outcome(target.key) is None:
            tally.end(failed(target, Position(tally.seen(target)), told))
    for outcome in tally.migrated():
        tally.correct(replace(outcome, kind=OutcomeKind.FAILED, error=UNREAD))
