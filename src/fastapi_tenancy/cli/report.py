"""Tells people how a run ended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.words import in_words, tenants_in_words
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Report
from fastapi_tenancy.model.plan import Refusal

SHOWN = 10
"""Failed tenants named for each cause."""
CAUSES = 10
"""Causes told: failures first, the most frequent first."""
_NUMBER = re.compile(r"\d+")


def exit_code(*reports: Report) -> Exit:
    """What the shell is told of a run, whatever tracks it had."""
    if any(report.interrupted for report in reports):
        return Exit.INTERRUPTED
    unsettled = any(not d.settled for report in reports for d in report.differences)
    failed = any(report.counts()[OutcomeKind.FAILED] for report in reports)
    return Exit.FAILED if failed or unsettled else Exit.DONE


def counted(report: Report) -> str:
    """``3 migrated, 1 failed``."""
    counts = report.counts()
    parts = [f"{counts[kind]} {kind.value}" for kind in OutcomeKind if counts[kind]]
    return ", ".join(parts) or "no tenants"


def tell_report(output: Output, report: Report, *, traceback: bool, track: str = "") -> None:
    """Print counts, roads, and failures grouped by their cause."""
    prefix = f"{track}: " if track else ""
    output.say(f"{prefix}{counted(report)} in {report.duration_s:.1f} s")
    roads = Counter(o.road for o in report.outcomes if o.kind is OutcomeKind.MIGRATED and o.road)
    if roads:
        output.say("roads: " + ", ".join(f"{n} {road}" for road, n in roads.most_common()))
    _tell_causes(output, report, traceback=traceback)
    for difference in report.differences:
        style = "yellow" if difference.settled else "red"
        output.say(f"difference: {difference.subject}: {difference.message}", style=style)
    if report.interrupted:
        output.say("interrupted; run the same command again to go on", style="yellow")


def _tell_causes(output: Output, report: Report, *, traceback: bool) -> None:
    causes: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in report.outcomes:
        if outcome.error is not None:
            key = outcome.kind.value, same_cause(outcome.error, outcome.target.name)
            causes.setdefault(key, []).append(outcome)
    ordered = sorted(
        causes.values(), key=lambda found: (found[0].kind is not OutcomeKind.FAILED, -len(found))
    )
    for outcomes in ordered[:CAUSES]:
        kind, names = outcomes[0].kind, [o.target.tenant.identifier for o in outcomes]
        style = "red" if kind is OutcomeKind.FAILED else "yellow"
        tell_cause(output, kind.value, outcomes[0].error or "", names, style=style)
        if traceback and outcomes[0].traceback:
            output.say(outcomes[0].traceback)
    rest = ordered[CAUSES:]
    if rest:
        count = tenants_in_words(sum(len(outcomes) for outcomes in rest))
        more = in_words(len(rest), "more cause")
        output.say(f"and {more}, for {count} (--json lists all)", style="red")


def same_cause(error: str, schema: str) -> str:
    """What the errors of several tenants have in common: all but their schemas and numbers."""
    return _NUMBER.sub("#", error.replace(schema, "~") if schema else error)


def tell_refusals(output: Output, refusals: Iterable[Refusal], *, aside: bool = False) -> None:
    """Print why tenants cannot take part.

    Args:
        aside: on stderr, because stdout is for something else.
    """
    causes: dict[tuple[bool, str], list[str]] = {}
    for refusal in refusals:
        key = refusal.skipped, refusal.error
        causes.setdefault(key, []).append(refusal.target.tenant.identifier)
    for (skipped, cause), names in causes.items():
        what, style = ("skipped", "yellow") if skipped else ("refused", "red")
        tell_cause(output, what, cause, names, style=style, aside=aside)


def tell_cause(
    output: Output, what: str, cause: str, names: list[str], *, style: str, aside: bool = False
) -> None:
    """Name the tenants that one cause befell, and the cause."""
    more = len(names) - SHOWN
    rest = f" and {more} more (--json lists all)" if more > 0 else ""
    tell = output.tell if aside else output.say
    tell(f"{what}: {', '.join(names[:SHOWN])}{rest}", style=style)
    tell(f"  {cause}")
