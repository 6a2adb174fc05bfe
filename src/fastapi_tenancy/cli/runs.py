"""What upgrade, downgrade and stamp share: plan, ask, run, report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, How, Where
from fastapi_tenancy.cli.streams import UnwritableError
from fastapi_tenancy.cli.words import tenants_in_words
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Cohort, Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.url import masked

if TYPE_CHECKING:
    from fastapi_tenancy.engine.brief import Prepared
    from fastapi_tenancy.engine.options import RunOptions
    from fastapi_tenancy.migrations.fleet import Fleet
    from fastapi_tenancy.model.outcome import Report


def carry_out(
    output: Output, command: Command, revision: str, where: Where, chosen: Chosen, how: How
) -> int:
    """Run a fleet command, or show what it would do."""
    from fastapi_tenancy.cli.project import open_fleet

    given, selection = how.given(), chosen.selection()
    fleet = open_fleet(where)
    options = fleet.options(command, revision, **given)
    if how.dry_run or how.sql:
        return _show(output, fleet, options, selection, sql=how.sql)
    if command is not Command.UPGRADE and not how.yes:
        _ask(output, fleet, options, selection)
    return _run(output, fleet, options, selection, traceback=where.traceback)


def _run(
    output: Output,
    fleet: Fleet,
    options: RunOptions,
    selection: Selection,
    *,
    traceback: bool,
) -> int:
    from fastapi_tenancy.cli.interrupt import run_stoppable
    from fastapi_tenancy.cli.progress import progress
    from fastapi_tenancy.cli.report import counted, exit_code
    from fastapi_tenancy.engine.stop import Stop

    stop = Stop()

    def work() -> int:
        with progress(output.err) as listener:
            report = fleet.run(options, selection, listener=listener, stop=stop)
        try:
            _print_report(output, fleet, report, selection, traceback=traceback)
            output.flush()
        except UnwritableError as error:
            raise UnwritableError(error.cause, f"the run: {counted(report)}") from error
        return exit_code(report)

    # The report is part of the work: a signal must not come between a run and its report.
    return run_stoppable(work, stop, output.tell)


def _print_report(
    output: Output, fleet: Fleet, report: Report, selection: Selection, *, traceback: bool
) -> None:
    from fastapi_tenancy.cli.documents import report_document
    from fastapi_tenancy.cli.report import tell_report

    if output.json:
        output.document(report_document(report))
    elif report.outcomes:
        tell_report(output, report, traceback=traceback)
    else:
        output.say(_nobody(fleet, selection))


def _nobody(fleet: Fleet, selection: Selection) -> str:
    if selection != Selection():
        return "no tenant is chosen by these options; `tenancy tenants list` takes the same ones"
    config = fleet.config
    if config.schema_pattern is not None:
        return (
            f"no tenants to work on: no schema of {masked(config.database_url or '')} is LIKE"
            f" {config.schema_pattern!r}; check schema_pattern and database_url, and that the"
            " role may see the schemas"
        )
    if config.tenants_query is not None:
        return (
            f"no tenants to work on: tenants_query gives no rows in {masked(config.catalogue_url)};"
            " check the query, and the database it asks (catalogue_url, by default database_url)"
        )
    return (
        "no tenants to work on: `tenancy tenants add IDENTIFIER` adds one, tenants_query or"
        " schema_pattern in tenancy.toml finds those you have"
    )


def _show(
    output: Output, fleet: Fleet, options: RunOptions, selection: Selection, *, sql: bool
) -> int:
    from fastapi_tenancy.cli.documents import plan_document

    prepared = fleet.prepare(options, selection)
    if sql:
        # All of it before a word is written: half a script would be worse than none.
        pieces = list(fleet.sql(options, prepared))
        if output.json:
            output.document({**plan_document(prepared), "sql": pieces})
        else:
            output.write("".join(f"{piece}\n" for piece in pieces))
            _tell_left_out(output, fleet, prepared, selection)
    elif output.json:
        output.document(plan_document(prepared))
    else:
        _tell_plan(output, fleet, prepared, selection)
    return Exit.FAILED if prepared.plan.refusals else Exit.DONE


def _tell_left_out(output: Output, fleet: Fleet, prepared: Prepared, selection: Selection) -> None:
    """Say on stderr whom the SQL on stdout is not for."""
    from fastapi_tenancy.cli.report import tell_refusals

    plan = prepared.plan
    there = sum(len(c.targets) for c in plan.there)
    if there:
        output.tell(f"{tenants_in_words(there)} already there")
    elif not (plan.cohorts or plan.refusals):
        output.tell(_nobody(fleet, selection))
    tell_refusals(output, plan.refusals, aside=True)


def _tell_plan(output: Output, fleet: Fleet, prepared: Prepared, selection: Selection) -> None:
    from fastapi_tenancy.cli.report import tell_refusals
    from fastapi_tenancy.cli.tables import steps_table
    from fastapi_tenancy.migrations.results import joined

    plan = prepared.plan
    for cohort, stages in zip(plan.cohorts, prepared.stages, strict=True):
        end = joined(cohort.span.after) or "base"
        count = tenants_in_words(len(cohort.targets))
        output.say(f"{count} from {_start(cohort)} to {end}:", style="bold")
        output.out.print(steps_table(c.step for s in stages for c in s.steps))
    there = sum(len(c.targets) for c in plan.there)
    if there:
        output.say(f"{tenants_in_words(there)} already there")
    elif not (plan.cohorts or plan.refusals):
        output.say(_nobody(fleet, selection))
    tell_refusals(output, plan.refusals)
    output.say("nothing was changed (--dry-run)")


def _start(cohort: Cohort) -> str:
    state = cohort.position.state.value
    return ",".join(cohort.span.before) or ("base" if state == "versioned" else state)


def _ask(output: Output, fleet: Fleet, options: RunOptions, selection: Selection) -> None:
    plan = fleet.prepare(options, selection).plan
    count = sum(len(c.targets) for c in plan.cohorts)
    if count <= 1:
        return
    ways = "; ".join(
        f"{len(c.targets)} from {_start(c)} to {','.join(c.span.after) or 'base'}"
        for c in plan.cohorts
    )
    question = f"{plan.command.value} {tenants_in_words(count)} ({ways})"
    if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            f"this would {question}; nobody can be asked here, so say --yes if that is meant"
        )
    if not typer.confirm(f"{question[0].upper()}{question[1:]}?", err=True):
        raise ConfigurationError("the answer was no; nothing was changed")
