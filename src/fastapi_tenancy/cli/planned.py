"""Shows what a run would do, as a table or as SQL, and does none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.nobody import nobody
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.words import targets_in_words
from fastapi_tenancy.model.plan import Cohort
from fastapi_tenancy.model.selection import Selection

if TYPE_CHECKING:
    from fastapi_tenancy.engine.brief import Prepared
    from fastapi_tenancy.migrations.tracks.running import Asked, TracksRun

Planned = list[tuple["Asked", "Prepared"]]
"""Each track with its plan."""


def show_plan(output: Output, request: TracksRun, selection: Selection, *, sql: bool) -> int:
    """Print the plan, or its SQL."""
    from fastapi_tenancy.cli.documents import plan_document, plans_document

    planned = request.prepare(selection)
    several = planned[0][0].track.name
    document = plans_document(planned) if several else plan_document(planned[0][1])
    if sql:
        # All of it before a word is written: half a script would be worse than none.
        pieces = [piece for asked, plan in planned for piece in _sql(asked, plan)]
        if output.json:
            output.document({**document, "sql": pieces})
        else:
            output.write("".join(f"{piece}\n" for piece in pieces))
            for asked, plan in planned:
                _tell_left_out(output, asked, plan, selection)
    elif output.json:
        output.document(document)
    else:
        for asked, plan in planned:
            _tell_plan(output, asked, plan, selection)
        output.say("nothing was changed (--dry-run)")
    refused = any(not r.skipped for _, prepared in planned for r in prepared.plan.refusals)
    return Exit.FAILED if refused else Exit.DONE


def start_of(cohort: Cohort) -> str:
    """Where the targets of a cohort stand, for people."""
    state = cohort.position.state.value
    return ",".join(cohort.span.before) or ("base" if state == "versioned" else state)


def _sql(asked: Asked, prepared: Prepared) -> list[str]:
    pieces = list(asked.fleet.sql(asked.options, prepared))
    return [f"-- track {asked.track.name}", *pieces] if asked.track.name else pieces


def _tell_left_out(output: Output, asked: Asked, prepared: Prepared, selection: Selection) -> None:
    """Say on stderr whom the SQL on stdout is not for."""
    from fastapi_tenancy.cli.report import tell_refusals

    plan = prepared.plan
    there = sum(len(c.targets) for c in plan.there)
    if there:
        output.tell(f"{_prefix(asked)}{targets_in_words(there, asked.track.scope)} already there")
    elif not (plan.cohorts or plan.refusals):
        output.tell(nobody(asked.fleet, selection))
    tell_refusals(output, plan.refusals, aside=True)


def _tell_plan(output: Output, asked: Asked, prepared: Prepared, selection: Selection) -> None:
    from fastapi_tenancy.cli.report import tell_refusals
    from fastapi_tenancy.cli.tables import steps_table
    from fastapi_tenancy.migrations.results import joined

    plan = prepared.plan
    for cohort, stages in zip(plan.cohorts, prepared.stages, strict=True):
        end = joined(cohort.span.after) or "base"
        count = targets_in_words(len(cohort.targets), asked.track.scope)
        output.say(f"{_prefix(asked)}{count} from {start_of(cohort)} to {end}:", style="bold")
        output.out.print(steps_table(c.step for s in stages for c in s.steps))
    there = sum(len(c.targets) for c in plan.there)
    if there:
        output.say(f"{_prefix(asked)}{targets_in_words(there, asked.track.scope)} already there")
    elif not (plan.cohorts or plan.refusals):
        output.say(nobody(asked.fleet, selection))
    tell_refusals(output, plan.refusals)


def _prefix(asked: Asked) -> str:
    return f"{asked.track.name}: " if asked.track.name else ""
