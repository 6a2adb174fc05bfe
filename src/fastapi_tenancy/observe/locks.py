"""Who keeps whom waiting: schemas in which somebody holds, or waits for, the strongest lock."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

_LOCKED = """
SELECT DISTINCT n.nspname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    AND n.nspname = ANY(%(schemas)s) AND (%(relation)s::text IS NULL OR c.relname = %(relation)s)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def locked_schemas(
    connection: psycopg.Connection, schemas: Sequence[str], relation: str | None = None
) -> set[str]:
    """Those of ``schemas`` in which another session locks the relation of that name, or any."""
    rows = connection.execute(_LOCKED, {"schemas": list(schemas), "relation": relation})
    return {str(name) for (name,) in rows}
