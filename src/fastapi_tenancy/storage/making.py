"""Makes the table of a catalogue, and brings one of an earlier version up to date."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.storage.table import ADDED, INDEXES, REPLACED, TENANTS

_LOCK = 0x74656E616E6379  # "tenancy" in ASCII


def ensure_table(connection: sa.Connection) -> None:
    """Create the table and its indexes unless they are there; several processes may do so at once.

    A table of an earlier version gets the columns it lacks. A complete table is left alone, so
    that a role that may only read can initialize.

    Raises:
        ConfigurationError: a table ``tenants`` is there that is not a catalogue.
    """
    if _is_complete(connection):
        return
    take_turns(connection)
    if sa.inspect(connection).has_table(TENANTS.name):
        for column in _missing(connection):
            made = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {TENANTS.name} ADD COLUMN {made}")
    else:
        connection.execute(CreateTable(TENANTS))
    _require_names_apart(connection)
    for name in REPLACED:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    for index in INDEXES:
        connection.execute(CreateIndex(index, if_not_exists=True))


def _require_names_apart(connection: sa.Connection) -> None:
    """Look for what an earlier version took in.

    Raises:
        ConfigurationError: two tenants come to one name; says which.
    """
    named = (TENANTS.c.shard, TENANTS.c.common_name)
    whose = (sa.func.min(TENANTS.c.identifier), sa.func.max(TENANTS.c.identifier))
    twice = sa.select(*whose).where(TENANTS.c.common_name.is_not(None)).group_by(*named)
    found = connection.execute(twice.having(sa.func.count() > 1).limit(1)).one_or_none()
    if found is not None:
        raise ConfigurationError(
            f"the tenants {found[0]!r} and {found[1]!r} would live in one place, because the names"
            " of schemas and databases are made from identifiers without case and punctuation. Give"
            " one of them a schema_name or a database_url of its own in the table"
            f" {TENANTS.name}, and try again"
        )


def take_turns(connection: sa.Connection) -> None:
    """Let one process at a time go on, until the end of its transaction."""
    if connection.dialect.name == "postgresql":
        # CREATE ... IF NOT EXISTS fails when two sessions run it at the same moment.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:
        # The driver begins a transaction before INSERT and its like, and not before DDL.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_complete(connection: sa.Connection) -> bool:
    if not sa.inspect(connection).has_table(TENANTS.name) or _missing(connection):
        return False
    indexes = {index["name"] for index in sa.inspect(connection).get_indexes(TENANTS.name)}
    return {index.name for index in INDEXES} <= indexes and not indexes.intersection(REPLACED)


def _missing(connection: sa.Connection) -> list[sa.Column[Any]]:
    """The columns that the table of an earlier version lacks.

    Raises:
        ConfigurationError: it lacks others: it is somebody else's.
    """
    there = {column["name"] for column in sa.inspect(connection).get_columns(TENANTS.name)}
    missing = [column for column in TENANTS.c if column.name not in there]
    if all(column.name in ADDED for column in missing):
        return missing
    raise ConfigurationError(
        f"the database has a table {TENANTS.name!r} that is not a catalogue of tenancy: it"
        f" lacks {', '.join(column.name for column in missing)}. To read the tenants from your own"
        " table, set tenants_query; to keep a catalogue beside it, set catalogue_url to another"
        " database"
    )
