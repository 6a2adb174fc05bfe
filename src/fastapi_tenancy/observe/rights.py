"""What the role that connects may do, and how much there is in a tenant's schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

CHUNK = 5000
"""Schemas asked about per statement: it scans the whole catalogue once."""

_ROLE = """
SELECT current_user::text, current_database()::text, current_schema()::text,
    has_database_privilege(current_database(), 'CREATE'), rolcreatedb OR rolsuper,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_SCHEMAS = """
WITH asked AS MATERIALIZED (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY(%(schemas)s)
), held AS MATERIALIZED (
    SELECT relnamespace, count(*) AS relations,
        count(*) FILTER (WHERE relkind IN ('r', 'p') AND relname <> %(table)s) AS tables,
        count(*) FILTER (WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND NOT pg_has_role(relowner, 'USAGE')) AS others
    FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM asked) GROUP BY relnamespace
)
SELECT nspname::text,
    has_schema_privilege(a.oid, 'USAGE') AND has_schema_privilege(a.oid, 'CREATE'),
    coalesce(relations, 0), coalesce(tables, 0), coalesce(others, 0)
FROM asked a LEFT JOIN held ON relnamespace = a.oid
"""


@dataclass(frozen=True, slots=True)
class Role:
    """The role of a connection, where it is, and what it may create there."""

    name: str
    database: str
    schema: str | None
    creates_schemas: bool
    creates_databases: bool
    creates_tables: bool


@dataclass(frozen=True, slots=True)
class SchemaRights:
    """A schema: whether tables can be made there, what it holds, and how much belongs to others.

    ``relations`` counts indexes and sequences too; ``tables`` does not count the version table.
    """

    usable: bool
    relations: int
    tables: int
    others: int


@dataclass(frozen=True, slots=True)
class LockTable:
    """The room of a server's lock table, shared by all of its connections."""

    per_transaction: int
    transactions: int

    @property
    def slots(self) -> int:
        """How many objects may be locked at once, at least."""
        return self.per_transaction * self.transactions


def read_role(connection: psycopg.Connection) -> Role:
    """Read the role of a connection."""
    row = connection.execute(_ROLE).fetchone()
    assert row is not None  # noqa: S101 - whoever is connected has a role
    return Role(*row)


def read_schema_rights(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, SchemaRights]:
    """Read up to ``CHUNK`` schemas; those that do not exist are left out.

    Args:
        table: the name of the version table.
    """
    rows = connection.execute(_SCHEMAS, {"schemas": list(schemas), "table": table})
    return {str(name): SchemaRights(*rest) for name, *rest in rows}


def read_lock_table(connection: psycopg.Connection) -> LockTable:
    """Read the settings that make the lock table."""
    row = connection.execute(
        "SELECT current_setting('max_locks_per_transaction')::int,"
        " current_setting('max_connections')::int"
        " + current_setting('max_prepared_transactions')::int"
    ).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return LockTable(*row)
