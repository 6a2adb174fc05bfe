"""The events of an engine by which every transaction gets its aim, and is watched keeping it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from fastapi_tenancy.errors import ConfigurationError, TenancyError
from fastapi_tenancy.sessions.aim import COMMON, OPTION, Aim
from fastapi_tenancy.sessions.contact import contact_of, keep_contact, outstayed
from fastapi_tenancy.sessions.course import AimedConnection
from fastapi_tenancy.sessions.texts import ends_transaction, may_set

Admit = Callable[[Aim, AimedConnection], None]
"""Refuses an aim that the database cannot keep; runs where a round trip may be waited for."""


def watch(engine: Engine, admit: Admit) -> None:
    """Listen to an engine whose connections are aimed ones."""

    def begin(connection: Connection, *_: Any) -> None:
        aim, aimed = aim_option(connection), driver(connection)
        aimed.course.turn_to(aim.head)
        try:
            _require_transaction(connection, aim)
            admit(aim, aimed)
            _start(connection)
        except BaseException as error:
            aimed.course.rest()
            if not isinstance(error, TenancyError):
                contact_of(connection).lose(error.orig if isinstance(error, DBAPIError) else error)
            if isinstance(error, TenancyError) and aimed.is_idle():
                raise
            # What was sent, or half sent, is known to nobody: not even to the pool's rollback.
            connection.invalidate()
            if isinstance(error, SQLAlchemyError) or not isinstance(error, Exception):
                raise
            raise OperationalError("BEGIN", {}, error, connection_invalidated=True) from error

    event.listen(engine, "begin", begin)
    event.listen(engine, "begin_twophase", _refuse_two_phases)
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)
    event.listen(engine, "checkout", _checkout)
    event.listen(engine, "close", _close)
    keep_contact(engine, _is_outage)


def aim_option(connection: Connection) -> Aim:
    """The aim of a connection's engine."""
    aim: Aim = connection.get_execution_options().get(OPTION, COMMON)
    return aim


def driver(connection: Connection) -> AimedConnection:
    """The driver's connection under SQLAlchemy's."""
    found: AimedConnection = connection.connection.driver_connection  # type: ignore[assignment]
    return found


def _is_outage(connection: Connection, context: ExceptionContext) -> bool:
    """Whether the transaction could not be begun, or the line was lost in it."""
    error = context.original_exception
    if not isinstance(error, Exception):  # somebody gave up waiting
        return False
    if isinstance(error, ConnectionError):  # drivers pass some of them on as they are
        return True
    if context.is_disconnect:
        return not outstayed(error)
    if connection.invalidated:  # whoever asks for what is below would connect again
        return False
    aimed: AimedConnection | None = connection.connection.driver_connection
    return aimed is not None and aimed.course.beginning


def _require_transaction(connection: Connection, aim: Aim) -> None:
    if aim.head and _is_autocommit(connection):
        raise ConfigurationError(
            f"a session of {aim.whose} cannot use the isolation level AUTOCOMMIT: what makes it"
            " the tenant's ends with a transaction, so there has to be one. Use another level;"
            " a statement that no transaction may hold belongs in a migration"
        )


def _is_autocommit(connection: Connection) -> bool:
    adapted: Any = connection.connection.dbapi_connection
    return bool(adapted.autocommit)


def _refuse_two_phases(connection: Connection, _: Any) -> None:
    raise ConfigurationError(
        f"a session of {aim_option(connection).whose} cannot commit in two phases: nobody would"
        " know whose transaction was prepared. Leave twophase out"
    )


def _start(connection: Connection) -> None:
    """Open asyncpg's transaction now; psycopg does so by itself, whoever sends a statement."""
    adapted: Any = connection.connection.dbapi_connection
    if connection.dialect.driver == "asyncpg" and driver(connection).course.head:
        await_only(adapted._start_transaction())


def _before(connection: Connection, _: Any, statement: str, *__: Any) -> None:
    aim, course = aim_option(connection), driver(connection).course
    if course.head is not aim.head:
        raise TenancyError(
            f"this connection could not be turned to {aim.whose}, and the error that said why was"
            " passed over; nothing was sent. Close it and open another"
        )
    if course.aimed and driver(connection).is_idle():
        raise TenancyError(
            "this session's transaction was ended past it (COMMIT or ROLLBACK by the driver's"
            " own connection); what comes now would not be sure to reach the tenant and was not"
            " sent. Use `await session.commit()` or `await session.rollback()`"
        )
    if (ends := ends_transaction(statement)) and not _is_autocommit(connection):
        raise TenancyError(
            f"a text of a session for {aim.whose} would end its transaction ({ends}): what comes"
            " after it would not be sure to reach the tenant. Nothing was sent. Use"
            " `await session.commit()` or `await session.rollback()`; a savepoint is"
            " `session.begin_nested()`"
        )
    if course.pooled and may_set(statement):
        course.also = course.settings


def _after(connection: Connection, *_: Any) -> None:
    """The net: a statement that was sent astray fails, and takes its transaction along."""
    course = driver(connection).course
    if course.head and not (course.aimed and not driver(connection).is_idle()):
        connection.invalidate()
        raise TenancyError(
            f"a statement for {aim_option(connection).whose} was sent outside of the transaction"
            " that was opened for it, and its connection was closed. If it holds a COMMIT or"
            " ROLLBACK as text, use session.commit() or session.rollback(); otherwise this"
            " version of the database driver is not supported"
        )


def _checkout(_: Any, record: ConnectionPoolEntry, __: Any) -> None:
    connection: AimedConnection | None = record.driver_connection
    if connection is None:
        return
    if connection.is_foreign():
        raise DisconnectionError("the connection belongs to another event loop")
    if connection.course.served and connection.is_lost():
        raise DisconnectionError("the server has closed the connection")


def _close(_: Any, record: ConnectionPoolEntry) -> None:
    connection: AimedConnection | None = record.driver_connection
    if connection is not None and connection.is_foreign():
        connection.hang_up()  # nobody can wait for it here
