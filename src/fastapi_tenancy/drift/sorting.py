"""Which targets can be compared, and why the others cannot."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.drift.values import Unread
from fastapi_tenancy.engine.status import Standing
from fastapi_tenancy.model.target import PositionState


def sorted_out(standings: Iterable[Standing]) -> tuple[list[Standing], list[Unread]]:
    """Those that stand at a revision, and those that do not."""
    standing, unread = [], []
    for one in standings:
        reason, note = _reason(one)
        if reason:
            unread.append(Unread(target=one.target, reason=reason, note=note))
        else:
            standing.append(one)
    return standing, unread


def _reason(standing: Standing) -> tuple[str, bool]:
    """Why a target is not compared, and whether that is as it should be; empty where it is."""
    position, target = standing.position, standing.target
    if standing.refusal is not None:
        return standing.refusal.error, False
    if position.state is PositionState.MISSING:
        if target.is_being_created:
            return f"it is being created, and its {target.what} is not made yet", True
        told = "does not exist; `tenancy upgrade --create` makes it"
        return f"its {target.what} {told}", False
    if position.state is PositionState.UNVERSIONED:
        return "it has no version table, so that nobody knows what it should be", False
    if position.half_done:
        told = f"a part of {position.half_done[0]} is done"
        return f"{told}: the run did not finish, run it again", False
    return "", False
