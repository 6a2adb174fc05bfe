"""Judges the run of a start: what stops it, and what the log is told."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.migrations.tracks.ahead import is_ahead
from fastapi_tenancy.migrations.tracks.running import Asked, Ended
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.track import Scope

SHOWN = 20
"""Failures that the log is told one by one."""

_log = logging.getLogger("fastapi_tenancy")


def judge_end(ended: Iterable[Ended], asked: Iterable[Asked]) -> None:
    """Tell the log what was done; a tenant that failed stops nothing.

    What is newer than the scripts needs no migration: an application that is started again while
    its successor is rolled out must come up. What waits for tenants that failed waits on.

    Raises:
        MigrationFailedError: something that is not a tenant's could not be migrated.
    """
    fleets = {one.track.name: one for one in asked}
    counted: Counter[OutcomeKind] = Counter()
    of_tenants: list[Outcome] = []
    fatal: list[str] = []
    for one in ended:
        counted += one.report.counts()
        failures = [o for o in one.report.outcomes if not o.success]
        for difference in one.report.differences:
            _log.warning("migrating at the start: %s", difference.message)
        if one.track.scope is Scope.TENANT:
            of_tenants += failures
        else:
            fatal += _fatal(one, failures, fleets[one.track.name])
    if fatal:
        raise MigrationFailedError("; ".join(fatal))
    _tell_of_tenants(of_tenants)
    kinds = ", ".join(f"{number} {kind.value}" for kind, number in counted.items())
    _log.info("migrated at the start: %s", kinds or "there is nobody yet")


def _tell_of_tenants(failures: list[Outcome]) -> None:
    for outcome in failures[:SHOWN]:
        _log.error(
            "the tenant %r was not migrated at the start: %s",
            outcome.target.tenant.identifier,
            outcome.error,
        )
    if len(failures) > SHOWN:
        _log.error(
            "%d more were not migrated; `tenancy status` counts them, `tenancy upgrade` names each",
            len(failures) - SHOWN,
        )


def _fatal(ended: Ended, failures: list[Outcome], asked: Asked) -> list[str]:
    if not failures:
        return []
    known = asked.fleet.history().known
    fatal = []
    for outcome in failures:
        where = f"the track {ended.track.name!r} in {outcome.target.place}"
        if is_ahead(outcome.from_heads, known):
            _log.warning("%s is newer than the scripts, and left as it is", where)
        elif outcome.kind is OutcomeKind.SKIPPED:  # what it waits for is judged by itself
            _log.error("%s was not migrated at the start: %s", where, outcome.error)
        else:
            fatal.append(f"{where} could not be migrated: {outcome.error}")
    return fatal
