"""What a session finds out about whether its tenant's place can be reached."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from fastapi_tenancy.errors import PlacementError, TenantUnavailableError, said
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import masked

AWAY_RETRY_S = 1
"""Seconds after which a client may come again where a server did not answer."""
GONE_RETRY_S = 5
"""The same where somebody has to put a place right first."""

_OUTSTAYED = frozenset(("25P03", "25P04"))
"""A server hangs up on who holds a transaction for too long: the application's own doing."""
_MISSING = frozenset(("3F000", "42P01"))
"""A schema or a table is not there: the whole schema may be gone."""

IsOutage = Callable[[Connection, ExceptionContext], bool]


class Contact:
    """The line between one session and the place of its tenant.

    What goes wrong while a connection is opened or a transaction begun is the place's, and so is
    a line that is lost; every other error is that of the statement which met it.
    """

    def __init__(self) -> None:
        self.kept = False
        """True when something was, or may have been, committed."""
        self._lost: BaseException | None = None

    def lose(self, error: BaseException | None) -> None:
        """Take note of an error that is the place's."""
        self._lost = error

    def unavailable(self, tenant: Tenant, error: Exception) -> TenantUnavailableError | None:
        """What is to be said of an error that leaves a session; None where it is no outage."""
        what = f"the tenant {tenant.identifier!r} cannot be served: "
        if isinstance(error, PlacementError):
            return TenantUnavailableError(what + str(error), self._retry_after(GONE_RETRY_S))
        driven = getattr(error, "orig", None)
        if self._lost is None or not (error is self._lost or driven is self._lost):
            return None
        told = " ".join(said(driven or error).split()) or type(driven or error).__name__
        return TenantUnavailableError(what + masked(told), self._retry_after(AWAY_RETRY_S))

    def _retry_after(self, seconds: int) -> int | None:
        return None if self.kept else seconds


class _ContactEngine(OptionEngine):
    """The engine of one session, which tells how its connecting ends."""

    contact: Contact

    def raw_connection(self) -> PoolProxiedConnection:
        """As SQLAlchemy's; whatever prevents it is the place's."""
        try:
            return super().raw_connection()
        except Exception as error:
            self.contact.lose(error)
            raise


def in_contact(engine: AsyncEngine, contact: Contact) -> AsyncEngine:
    """An engine that tells what becomes of the connections and transactions of one session."""
    told = _ContactEngine(engine.sync_engine, {})
    told.contact = contact
    return AsyncEngine(told)


def contact_of(connection: Connection) -> Contact:
    """That of the session whose connection this is; one of nobody's where it has none."""
    engine = connection.engine
    return engine.contact if isinstance(engine, _ContactEngine) else Contact()


def keep_contact(engine: Engine, is_outage: IsOutage) -> None:
    """Listen to an engine whose sessions are told what becomes of their lines.

    Args:
        is_outage: whether an error that a statement met is the place's, and not the statement's.
    """

    def failed(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or not is_outage(connection, context):
            return  # connecting: the engine itself tells of that
        contact = contact_of(connection)
        contact.kept |= _commits_by_itself(connection)
        contact.lose(context.original_exception)

    event.listen(engine, "commit", _committing)
    event.listen(engine, "handle_error", failed)


def outstayed(error: BaseException) -> bool:
    """True where the server hung up on a transaction that was held open for too long."""
    return getattr(error, "sqlstate", None) in _OUTSTAYED


def misses_something(error: DBAPIError) -> bool:
    """True where a statement did not find a schema or a table that it names."""
    return getattr(error.orig, "sqlstate", None) in _MISSING


def _committing(connection: Connection) -> None:
    contact_of(connection).kept = True


def _commits_by_itself(connection: Connection) -> bool:
    level = connection.get_execution_options().get("isolation_level")
    return str(level).upper() == "AUTOCOMMIT"
