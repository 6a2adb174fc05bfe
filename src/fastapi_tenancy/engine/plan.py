"""Groups targets into cohorts; pure: what lies between two positions is asked of the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fastapi_tenancy.errors import NoRoadError, UnknownRevisionError
from fastapi_tenancy.model.plan import Cohort, Command, Move, Plan, Refusal, Span, VersionChange
from fastapi_tenancy.model.target import Position, PositionState, Target


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a fleet, and what the history says to it.

    ``find_span`` gives the span from some heads to the revision asked for, or raises
    UnknownRevisionError; ``known`` are all revision ids of the scripts; ``passed`` gives those
    of several heads that lie on the way to another; ``create`` makes missing schemas.
    """

    command: Command
    revision: str
    find_span: Callable[[tuple[str, ...]], Span]
    known: frozenset[str]
    passed: Callable[[tuple[str, ...]], tuple[str, ...]]
    create: bool = False
    place: str = "schema"
    """What a target is, in the message where it is missing."""


def make_plan(request: Request, found: Iterable[tuple[Target, Position]]) -> Plan:
    """Group targets by position, so that each span is found once."""
    groups: dict[Position, list[Target]] = {}
    for target, position in found:
        groups.setdefault(position, []).append(target)
    cohorts: list[Cohort] = []
    there: list[Cohort] = []
    refusals: list[Refusal] = []
    for position, targets in groups.items():
        try:
            span = _span(request, position)
        except UnknownRevisionError as error:
            no_road = isinstance(error, NoRoadError)
            refusals += [Refusal(t, position, str(error), no_road) for t in targets]
            continue
        cohort = Cohort(span, position, tuple(targets))
        (cohorts if span.moves else there).append(cohort)
    cohorts.sort(key=lambda c: -len(c.targets))
    return Plan(request.command, request.revision, tuple(cohorts), tuple(there), tuple(refusals))


def refuse_for_all(errors: Iterable[str]) -> None:
    """Refuse a request that leads nowhere for anybody, unless the reasons differ.

    Args:
        errors: why there is no road, of each target that has none.

    Raises:
        NoRoadError: all of them have none for the same reason.
    """
    reasons = set(errors)
    if len(reasons) == 1:
        raise NoRoadError(
            f"{reasons.pop()}. This is so for every tenant asked for, and nothing was changed;"
            " `tenancy current` shows where they stand"
        )


def _span(request: Request, position: Position) -> Span:
    if position.state is PositionState.UNREADABLE:
        raise UnknownRevisionError(position.problem)
    if position.state is PositionState.MISSING and not request.create:
        raise UnknownRevisionError(
            f"the {request.place} does not exist; create it first, or let --create (create=True)"
            " make it"
        )
    problem = _problem(request, position.heads)
    if problem and request.command is Command.STAMP:
        return _restamped(request, position.heads)
    if problem:
        raise UnknownRevisionError(problem)
    span = request.find_span(position.heads)
    if position.half_done is not None and request.command is not Command.STAMP:
        _require_half_done_first(span, position.half_done)
    return span


def _problem(request: Request, heads: tuple[str, ...]) -> str | None:
    """Why no way leads on from these version rows; a stamp replaces them."""
    unknown = [head for head in heads if head not in request.known]
    if unknown:
        return (
            f"the version table names revision {', '.join(unknown)}, which the scripts do not"
            " know: this tenant was migrated from other scripts, newer ones or another branch."
            " Bring the revision file here, or stamp the tenant once you know where it stands"
        )
    passed = request.passed(heads)
    if passed:
        return (
            f"the version table holds {' and '.join(heads)}, but {', '.join(passed)} lies on the"
            " way to another of them: it has rows too many. Find out where the tenant stands and"
            " stamp it, which leaves the right row only"
        )
    return None


def _restamped(request: Request, heads: tuple[str, ...]) -> Span:
    """A stamp that starts from empty, as ``alembic stamp --purge`` does."""
    span = request.find_span(())
    gone = tuple(VersionChange(head, None) for head in heads)
    first, *rest = span.moves or (Move("base", upgrade=False, changes=(), heads=()),)
    return Span(heads, span.after, (replace(first, changes=(*gone, *first.changes)), *rest))


def _require_half_done_first(span: Span, half_done: tuple[str, bool]) -> None:
    """What an interrupted run has committed of a revision is lost to any other first step."""
    revision, upgrade = half_done
    first = span.moves[0] if span.moves else None
    if first is not None and (first.revision, first.upgrade) == half_done:
        return
    command = "upgrade" if upgrade else "downgrade"
    raise UnknownRevisionError(
        f"an interrupted {command} left revision {revision} half done here. Finish it first with"
        f" the command that was interrupted (`tenancy {command}`), or put the schema right by"
        " hand and stamp it"
    )
