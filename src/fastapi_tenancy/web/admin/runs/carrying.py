"""Carries a run out, in a thread of its own."""

from __future__ import annotations

import logging

from fastapi_tenancy.engine.failure import traced
from fastapi_tenancy.errors import ConfigurationError, said
from fastapi_tenancy.migrations.results import results_of
from fastapi_tenancy.migrations.running import results
from fastapi_tenancy.migrations.tracks.running import Ended
from fastapi_tenancy.model.event import (
    Counted,
    Differed,
    Event,
    Planned,
    TargetFinished,
    TrackStarted,
    Warned,
)
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.web.admin.own import Moves
from fastapi_tenancy.web.admin.runs.run import Result, Run, RunState

_log = logging.getLogger("fastapi_tenancy")


def carry_out(run: Run, request: Moves, selection: Selection) -> None:
    """Do what was asked; whatever comes of it, the run is over then and says so."""
    run.begin()
    try:
        ended = request.run(selection, listener=_Recorder(run), stop=run.stop)
        found = [Result.of(told) for told in results(ended)]
    except ConfigurationError as error:
        run.end(RunState.REFUSED, masked(str(error)))
    except Exception as error:  # nobody waits for this thread: its run has to say it
        _log.error("the run %s ended unexpectedly\n%s", run.id, traced(error))
        run.end(RunState.FAILED, f"{type(error).__name__}: {masked(said(error))}")
    else:
        run.end_with(found, _state(ended))


def _state(ended: list[Ended]) -> RunState:
    reports = [one.report for one in ended]
    if any(report.interrupted for report in reports):
        return RunState.STOPPED
    unsettled = any(not d.settled for report in reports for d in report.differences)
    failed = any(o.kind is OutcomeKind.FAILED for report in reports for o in report.outcomes)
    return RunState.FAILED if failed or unsettled else RunState.SUCCEEDED


class _Recorder:
    """The listener: writes down what the engine tells."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._track = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrackStarted):
            self._track = event.track.name
        elif isinstance(event, Planned):
            plan = event.plan
            targets = [t for c in (*plan.cohorts, *plan.there) for t in c.targets]
            self._run.expect(len(plan.refusals) + sum(len(t.tenants) for t in targets))
        elif isinstance(event, Counted):
            self._run.expect(event.total)
        elif isinstance(event, TargetFinished):
            self._run.note(Result.of(told) for told in results_of(event.outcome, self._track))
        elif isinstance(event, Warned):
            self._run.warn(masked(event.message))
        elif isinstance(event, Differed):
            self._run.warn(masked(f"{event.difference.subject}: {event.difference.message}"))
