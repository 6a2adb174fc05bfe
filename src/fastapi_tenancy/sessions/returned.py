"""A connection that a session has given back, made ready for the next one."""

from __future__ import annotations

from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from fastapi_tenancy.sessions.course import AimedConnection


def make_ready(record: ConnectionPoolEntry) -> None:
    """Take away what was left in it; where that cannot be done, it is closed.

    Raises:
        BaseException: whoever waited was cancelled; the connection is closed then.
    """
    connection: AimedConnection | None = record.driver_connection
    if connection is None:
        return
    connection.course.rest()
    if connection.is_spoiled() or not connection.is_idle():
        record.invalidate()
    elif connection.course.dirty:
        try:
            await_only(connection.tidy())
        except BaseException as error:
            record.invalidate(error)
            if not isinstance(error, Exception):
                raise
