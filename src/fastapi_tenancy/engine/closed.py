"""Finds out why the server closed a connection: what follows from it hides the cause."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy.exc import PendingRollbackError

ADVICE = "the transaction in progress was rolled back; see the log of the server, and run again"
UNTOLD = "the connection was closed in the middle of it; why was told to code that caught the error"
_STATES = ("57P01", "57P02", "57P04", "57P05", "25P03", "25P04")
"""SQLSTATE of those errors with which the server ends a connection."""
_AFTERWARDS = "8s2b"
"""SQLAlchemy's code of "Can't reconnect until invalid transaction is rolled back"."""


def refused(connection: PGconn, result: PGresult) -> psycopg.Error:
    """The error of a message that the server did not carry out."""
    if result.error_field(DiagnosticField.SQLSTATE) is not None:
        return errors.error_from_result(result)
    # libpq answers with its own surprise; the server's last words are in the line before.
    text, _, _ = connection.error_message.decode(errors="replace").strip().partition("\n")
    return psycopg.OperationalError(text.removeprefix("FATAL:").strip())


def behind(error: BaseException) -> BaseException:
    """The error that tells of a closed connection, where ``error`` only follows from it."""
    if not _follows(driver_error(error)):
        return error
    return next((e for e in _chain(error) if is_closed(driver_error(e))), error)


def tells(error: BaseException) -> bool:
    """True where ``error`` was raised after one that tells of a closed connection."""
    return any(is_closed(driver_error(e)) for e in _chain(error))


def is_closed(origin: BaseException) -> bool:
    """True where the driver says that the connection was closed, and why."""
    if not isinstance(origin, psycopg.Error):
        return False
    if origin.sqlstate is not None:
        return origin.sqlstate in _STATES
    return isinstance(origin, psycopg.OperationalError) and not _follows(origin)


def is_untold(origin: BaseException) -> bool:
    """True where nothing is known but that the connection was closed."""
    return isinstance(origin, PendingRollbackError) and origin.code == _AFTERWARDS


def driver_error(error: BaseException) -> BaseException:
    """An error without SQLAlchemy's wrapping."""
    origin = getattr(error, "orig", None)
    return origin if isinstance(origin, BaseException) else error


def _follows(origin: BaseException) -> bool:
    if isinstance(origin, psycopg.OperationalError) and origin.sqlstate is None:
        return str(origin).startswith("the connection is ")  # closed, or lost
    return is_untold(origin)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()  # `raise error from error` is a ring
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
