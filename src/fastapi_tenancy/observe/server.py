"""What a server has room for."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg


@dataclass(frozen=True, slots=True)
class Capacity:
    """Connections a server allows in all, and how many are free for an ordinary role."""

    allowed: int
    free: int


def read_capacity(connection: psycopg.Connection) -> Capacity:
    """Count connections; those of this connection's own count as taken."""
    row = connection.execute(
        "SELECT current_setting('max_connections')::int,"
        " current_setting('superuser_reserved_connections')::int,"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    ).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    allowed, reserved, taken = (int(value) for value in row)
    return Capacity(allowed, max(0, allowed - reserved - taken))


def is_pooled(connection: psycopg.Connection) -> bool:
    """True when a pooler answers in the server's place.

    The server gives its process id when it is connected to; a pooler gives another number.
    """
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row is not None and int(row[0]) != connection.info.backend_pid
