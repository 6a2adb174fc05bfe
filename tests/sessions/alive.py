"""Which connections of sessions are open in this process, whoever holds them."""

from __future__ import annotations

import gc
from typing import Any

from fastapi_tenancy.sessions.with_asyncpg import AsyncpgConnection
from fastapi_tenancy.sessions.with_psycopg import PsycopgConnection


def alive(*databases: str) -> list[Any]:
    """Every open connection of either driver, or those to the databases named."""
    found = [
        *(c for c in gc.get_objects() if isinstance(c, PsycopgConnection) and not c.closed),
        *(c for c in gc.get_objects() if isinstance(c, AsyncpgConnection) and not c.is_closed()),
    ]
    return [c for c in found if not databases or database(c) in databases]


def database(connection: Any) -> str:
    """The database that a connection is to."""
    if isinstance(connection, PsycopgConnection):
        return connection.info.dbname
    return str(connection._params.database)
