"""Where a fleet stands: positions of all targets, counted against the scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.lanes import Group, Lane, in_lanes
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.sites import Sites
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.tally import Tally
from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import silent
from fastapi_tenancy.model.plan import Command, Refusal
from fastapi_tenancy.model.target import Position, PositionState, Target
from fastapi_tenancy.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Standing:
    """A target and what was found there; ``refusal`` says why nothing could be."""

    target: Target
    position: Position
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """How many tenants stand where.

    ``ahead`` counts those whose version table names a revision the scripts do not know,
    ``refused`` those whose place cannot be used or whose version table cannot be read, and
    ``half_done`` those, counted elsewhere too, where an interrupted run left a part of a revision.
    """

    total: int
    at_head: int
    behind: int
    ahead: int
    unversioned: int
    missing: int
    refused: int
    half_done: int
    heads: tuple[str, ...]
    positions: tuple[tuple[str, int], ...]
    """Revisions (joined by commas where a tenant has several heads) and tenants at each."""
    unreachable: tuple[tuple[str, int], ...] = ()
    """Why servers could not be looked at, and the tenants there; counted as refused too."""

    @property
    def unusual(self) -> dict[str, int]:
        """The counts that are told only where they are not 0."""
        counts = {"refused": self.refused, "half_done": self.half_done}
        return {name: count for name, count in counts.items() if count}


def read_standings(
    history: History,
    isolation: IsolationProvider,
    options: RunOptions,
    tenants: Iterable[Tenant],
) -> Iterator[Standing]:
    """Yield where every tenant stands, in catalogue order; one pass of reading, no change.

    Raises:
        ConfigurationError: no connection, or env.py cannot be used.
    """
    resolved = resolve(isolation, tenants)
    for refusal in resolved.refusals:
        yield Standing(refusal.target, refusal.position, refusal)
    brief = Brief(history, isolation, options, Tally(silent).part(""), silent, Stop())
    with ExitStack() as closing:
        lanes = Sites(brief, closing).lanes(resolved.targets)
        if len(lanes) == 1:
            for group in lanes[0].groups:
                yield from _looked(lanes[0], group)
            return
        for found in in_lanes(lanes, lambda lane, g: list(_looked(lane, g)), _not_looked):
            yield from found


def _looked(_lane: Lane, group: Group) -> Iterator[Standing]:
    for target, position in zip(group.targets, group.site.look(group.targets), strict=True):
        problem = position.problem
        refused = Refusal(target, position, problem) if problem else None
        yield Standing(target, position, refused)


def _not_looked(lane: Lane, group: Group, told: str) -> list[Standing]:
    """Where the targets of a server stand that cannot be worked on: nobody knows."""
    nowhere = Position((), PositionState.UNREADABLE, problem=told)
    return [
        Standing(t, nowhere, Refusal(t, nowhere, told, server=lane.brief.label))
        for t in group.targets
    ]


def summarize(
    history: History, standings: Iterable[Standing], revision: str = "heads"
) -> FleetStatus:
    """Count standings against the heads of the scripts, or the revision that is wanted.

    Raises:
        UnknownRevisionError: nothing of that id or label, or it is not one revision.
    """
    heads = history.heads if revision == "heads" else history.position_of(revision)
    passed = lru_cache(lambda found: not history.span(Command.UPGRADE, revision, found).moves)
    counts: Counter[str] = Counter()
    positions: Counter[str] = Counter()
    unreachable: Counter[str] = Counter()
    for standing in standings:
        tenants = len(standing.target.tenants)
        counts["total"] += tenants
        counts[_kind(standing, heads, history.known, passed)] += tenants
        counts["half_done"] += tenants if standing.position.half_done else 0
        if standing.position.state is PositionState.VERSIONED:
            positions[",".join(standing.position.heads) or "base"] += tenants
        if standing.refusal is not None and standing.refusal.server:
            unreachable[standing.refusal.error] += tenants
    return FleetStatus(
        total=counts["total"],
        at_head=counts["at_head"],
        behind=counts["behind"],
        ahead=counts["ahead"],
        unversioned=counts["unversioned"],
        missing=counts["missing"],
        refused=counts["refused"],
        half_done=counts["half_done"],
        heads=heads,
        positions=tuple(positions.most_common()),
        unreachable=tuple(unreachable.items()),
    )


def _kind(
    standing: Standing,
    heads: tuple[str, ...],
    known: frozenset[str],
    passed: Callable[[tuple[str, ...]], bool],
) -> str:
    position = standing.position
    if standing.refusal is not None:
        return "refused"
    if position.state is not PositionState.VERSIONED:
        return position.state.value
    if position.heads == heads:
        return "at_head"
    if not known.issuperset(position.heads):
        return "ahead"
    return "at_head" if passed(position.heads) else "behind"
