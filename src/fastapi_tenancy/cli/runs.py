"""What upgrade, downgrade and stamp share: plan, ask, run, report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, How, Where
from fastapi_tenancy.cli.planned import show_plan, start_of
from fastapi_tenancy.cli.streams import UnwritableError
from fastapi_tenancy.cli.tracked import named
from fastapi_tenancy.cli.words import tenants_in_words
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection

if TYPE_CHECKING:
    from fastapi_tenancy.migrations.tracks.running import Ended, TracksRun


def carry_out(
    output: Output, command: Command, revision: str, where: Where, chosen: Chosen, how: How
) -> int:
    """Run a fleet command, or show what it would do."""
    from fastapi_tenancy.cli.project import open_tracks
    from fastapi_tenancy.migrations.tracks.running import TracksRun

    given, selection = how.given(), chosen.selection()
    every = open_tracks(where)
    track = named(where, tuple(o.track for o in every))
    only = track.name if track else None
    request = TracksRun(every, command, revision, only=only, **given)
    if how.dry_run or how.sql:
        return show_plan(output, request, selection, sql=how.sql)
    if command is not Command.UPGRADE and not how.yes:
        _ask(output, request, selection)
    return _run(output, request, selection, traceback=where.traceback)


def _run(output: Output, request: TracksRun, selection: Selection, *, traceback: bool) -> int:
    from fastapi_tenancy.cli.interrupt import run_stoppable
    from fastapi_tenancy.cli.progress import progress
    from fastapi_tenancy.cli.report import counted, exit_code
    from fastapi_tenancy.engine.stop import Stop

    stop = Stop()

    def work() -> int:
        with progress(output.err) as listener:
            ended = request.run(selection, listener=listener, stop=stop)
        try:
            _print_reports(output, request, ended, selection, traceback=traceback)
            output.flush()
        except UnwritableError as error:
            counts = "; ".join(counted(e.report) for e in ended)
            raise UnwritableError(error.cause, f"the run: {counts}") from error
        return exit_code(*(e.report for e in ended))

    # The report is part of the work: a signal must not come between a run and its report.
    return run_stoppable(work, stop, output.tell)


def _print_reports(
    output: Output,
    request: TracksRun,
    ended: list[Ended],
    selection: Selection,
    *,
    traceback: bool,
) -> None:
    from fastapi_tenancy.cli.documents import report_document, reports_document
    from fastapi_tenancy.cli.nobody import nobody
    from fastapi_tenancy.cli.report import tell_report

    if output.json:
        several = ended[0].track.name
        output.document(reports_document(ended) if several else report_document(ended[0].report))
        return
    for asked, one in zip(request.asked, ended, strict=True):
        if one.report.outcomes:
            tell_report(output, one.report, traceback=traceback, track=one.track.name)
        else:
            output.say(nobody(asked.fleet, selection))


def _ask(output: Output, request: TracksRun, selection: Selection) -> None:
    plans = [prepared.plan for _, prepared in request.prepare(selection)]
    cohorts = [cohort for plan in plans for cohort in plan.cohorts]
    count = sum(len(c.targets) for c in cohorts)
    if count <= 1:
        return
    ways = "; ".join(
        f"{len(c.targets)} from {start_of(c)} to {','.join(c.span.after) or 'base'}"
        for c in cohorts
    )
    question = f"{plans[0].command.value} {tenants_in_words(count)} ({ways})"
    if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            f"this would {question}; nobody can be asked here, so say --yes if that is meant"
        )
    if not typer.confirm(f"{question[0].upper()}{question[1:]}?", err=True):
        raise ConfigurationError("the answer was no; nothing was changed")
