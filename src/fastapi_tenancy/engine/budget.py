"""Never more connections than a server has room for."""

from __future__ import annotations

import psycopg

from fastapi_tenancy.errors import BudgetError
from fastapi_tenancy.observe.server import read_capacity


def check_budget(connection: psycopg.Connection, concurrency: int) -> str | None:
    """Return a warning when ``concurrency`` connections take more than half of the server's.

    Raises:
        BudgetError: so many are not free.
    """
    capacity = read_capacity(connection)
    if concurrency > capacity.free:
        raise BudgetError(
            f"a concurrency of {concurrency} needs {concurrency} more connections, but the server"
            f" has only {capacity.free} of {capacity.allowed} free. Lower it (--concurrency on the"
            " command line), or raise max_connections. Nothing was changed"
        )
    if concurrency > capacity.allowed / 2:
        return (
            f"a concurrency of {concurrency} takes more than half of the server's"
            f" {capacity.allowed} connections; the application may find none"
        )
    return None
