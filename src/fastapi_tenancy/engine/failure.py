"""Says why a target failed, in words a person can act on."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable

import psycopg

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.closed import (
    ADVICE,
    UNTOLD,
    behind,
    driver_error,
    is_closed,
    is_untold,
)
from fastapi_tenancy.engine.excerpts import excerpt
from fastapi_tenancy.engine.stop import ABORTED
from fastapi_tenancy.errors import TenancyError, said
from fastapi_tenancy.model.plan import Cohort, Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.url import masked

Place = tuple[Move, str]
"""A revision and the statement of it that failed."""
EXCERPT = 200
"""Characters of a statement shown in an error."""

_ADVICE: dict[type[psycopg.Error], str] = {
    psycopg.errors.LockNotAvailable: "another session held a lock longer than lock_timeout;"
    " run again, or raise --lock-timeout",
    psycopg.errors.QueryCanceled: "it took longer than statement_timeout, or was cancelled;"
    " run again, or raise --statement-timeout",
    psycopg.errors.DeadlockDetected: "another session deadlocked with it; run again",
    psycopg.errors.InsufficientPrivilege: "grant the role of database_url what it lacks",
}


def told(
    error: BaseException,
    progress: Progress,
    place: Place | None,
    *,
    aborted: bool = False,
) -> str:
    """The cause of a failure with the revision and, where known, the statement.

    Args:
        aborted: the run was, so that a cancelled statement was cancelled by us.
    """
    move = place[0] if place else progress.move or _only_move(progress)
    where = f"revision {move.revision}: " if move else ""
    error = behind(error)
    origin = driver_error(error)
    if aborted and _is_cancelled(origin):
        return where + ABORTED
    text = where + cause(error)
    # SQLAlchemy knows the statement, where a revision ran live; others may call anything so.
    statement = place[1] if place else progress.statement or getattr(error, "statement", None)
    if statement and isinstance(statement, str):
        text += f"; statement: {excerpt(' '.join(statement.split()), EXCERPT)}"
    advice = next((a for kind, a in _ADVICE.items() if isinstance(origin, kind)), None)
    if is_closed(origin) or is_untold(origin):
        advice = ADVICE
    if _code(origin) == "SQLITE_BUSY":
        advice = "another process kept the file locked; run again, or raise --lock-timeout"
    return masked(f"{text}. What to do: {advice}" if advice else text)


def with_half_done(text: str, position: Position) -> str:
    """What is told of a failed target where a part of a revision is committed."""
    if position.half_done is None:
        return text
    revision, up = position.half_done
    again = f"upgrade {revision}" if up else "downgrade"
    return (
        f"{text.rstrip('.')}. A part of revision {revision} is committed here; `tenancy {again}`"
        " goes on from there"
    )


def cause(error: BaseException) -> str:
    """What went wrong, in the words of whoever raised it, without SQLAlchemy's wrapping."""
    error = behind(error)
    origin = driver_error(error)
    if is_untold(origin):
        return UNTOLD
    closed = "the connection was closed: " if is_closed(origin) else ""
    if isinstance(origin, psycopg.Error) and origin.diag.message_primary:
        diag = origin.diag
        parts = [diag.message_primary or "", diag.message_detail or "", diag.message_hint or ""]
        text = ". ".join(p.rstrip(".") for p in parts if p)
        return f"{closed}{text} ({type(origin).__name__})"
    if closed:
        return closed + said(origin).strip().partition("\n")[0]
    text = " ".join(said(origin).split())
    return text if isinstance(error, TenancyError) else f"{type(origin).__name__}: {text}"


def place_of(
    error: BaseException,
    progress: Progress,
    cohort: Cohort,
    locate: Callable[[Stage, Position], Place | None],
) -> Place | None:
    """The statement at which a target failed, where repeating its stage can tell.

    Args:
        locate: sends the statements of a stage again, one by one, and rolls them back.
    """
    stage = progress.stage
    if stage is None or not _is_told_by_repeating(error):
        return None
    first = stage.before == cohort.span.before
    try:
        return locate(stage, cohort.position if first else Position(stage.before))
    except (psycopg.Error, TenancyError):
        return None


def _is_told_by_repeating(error: BaseException) -> bool:
    return isinstance(error, psycopg.Error) and not isinstance(
        error, psycopg.OperationalError | psycopg.InterfaceError
    )


def is_lost(error: BaseException) -> bool:
    """True when the connection was: a commit of ours may have come through."""
    origin = driver_error(behind(error))
    return is_closed(origin) or is_untold(origin)


def traced(error: BaseException) -> str:
    """The traceback as text, passwords masked."""
    return masked("".join(traceback.format_exception(error)))


def _is_cancelled(origin: BaseException) -> bool:
    canceled = isinstance(origin, psycopg.errors.QueryCanceled)
    return canceled or _code(origin) == "SQLITE_INTERRUPT"


def _code(origin: BaseException) -> str:
    return getattr(origin, "sqlite_errorname", "") if isinstance(origin, sqlite3.Error) else ""


def _only_move(progress: Progress) -> Move | None:
    steps = progress.stage.steps if progress.stage else ()
    return steps[0].step.move if len(steps) == 1 else None
