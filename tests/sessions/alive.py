"""Which connections of sessions are open in this process, whoever holds them."""

from __future__ import annotations

import weakref
from typing import Any

from fastapi_tenancy.sessions.with_asyncpg import AsyncpgConnection
from fastapi_tenancy.sessions.with_psycopg import PsycopgConnection

_made: weakref.WeakSet[Any] = weakref.WeakSet()


def _noted(kind: type[Any]) -> None:
    """Take note of each connection; to look for them among all objects takes a second."""
    made = kind.__init__

    def note(connection: Any, *args: Any, **kwargs: Any) -> None:
        made(connection, *args, **kwargs)
        _made.add(connection)

    kind.__init__ = note  # type: ignore[method-assign]


for _kind in (PsycopgConnection, AsyncpgConnection):
    _noted(_kind)


def alive(*databases: str) -> list[Any]:
    """Every open connection of either driver, or those to the databases named."""
    found = [c for c in list(_made) if not _closed(c)]
    return [c for c in found if not databases or database(c) in databases]


def _closed(connection: Any) -> bool:
    if isinstance(connection, PsycopgConnection):
        return connection.closed
    return bool(connection.is_closed())


def database(connection: Any) -> str:
    """The database that a connection is to."""
    if isinstance(connection, PsycopgConnection):
        return connection.info.dbname
    return str(connection._params.database)
