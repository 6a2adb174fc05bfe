"""Groups targets into cohorts; pure: what lies between two positions is asked of the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi_tenancy.errors import UnknownRevisionError
from fastapi_tenancy.model.plan import Cohort, Command, Plan, Refusal, Span
from fastapi_tenancy.model.target import Position, PositionState, Target

FindSpan = Callable[[tuple[str, ...]], Span]
"""The span from these heads to the revision asked for; raises UnknownRevisionError."""


def make_plan(
    command: Command,
    revision: str,
    found: Iterable[tuple[Target, Position]],
    find_span: FindSpan,
    known: frozenset[str],
    *,
    create: bool,
) -> Plan:
    """Group targets by position, so that each span is found once.

    Args:
        known: every revision id of the scripts.
        create: True when missing schemas are to be made.
    """
    groups: dict[Position, list[Target]] = {}
    for target, position in found:
        groups.setdefault(position, []).append(target)
    cohorts: list[Cohort] = []
    there: list[Cohort] = []
    refusals: list[Refusal] = []
    for position, targets in groups.items():
        try:
            span = _span(position, find_span, known, create=create)
        except UnknownRevisionError as error:
            refusals += [Refusal(t, position, str(error)) for t in targets]
            continue
        cohort = Cohort(span, position, tuple(targets))
        (cohorts if span.moves else there).append(cohort)
    cohorts.sort(key=lambda c: -len(c.targets))
    return Plan(command, revision, tuple(cohorts), tuple(there), tuple(refusals))


def _span(position: Position, find_span: FindSpan, known: frozenset[str], *, create: bool) -> Span:
    if position.state is PositionState.MISSING and not create:
        raise UnknownRevisionError(
            "the schema does not exist; create it first, or let --create make it"
        )
    unknown = [head for head in position.heads if head not in known]
    if unknown:
        raise UnknownRevisionError(
            f"the version table names revision {', '.join(unknown)}, which the scripts do not"
            " know: this tenant was migrated from other scripts, newer ones or another branch."
            " Bring the revision file here, or stamp the tenant once you know where it stands"
        )
    return find_span(position.heads)
