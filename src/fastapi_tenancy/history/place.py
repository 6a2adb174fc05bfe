"""Where env.py goes: the database and the schema that a connection it configures works in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import database_of


@dataclass(frozen=True, slots=True)
class Place:
    """A place as env.py has chosen it.

    ``databases`` holds the names a database goes by: in the URL that was connected to, and by
    what the server itself says (a pooler may know it under another). ``schema`` is that of the
    version table; None where there are no schemas.
    """

    databases: frozenset[str]
    schema: str | None
    version_table: str

    def is_of(self, target: Target) -> bool:
        """True when this is where the target lives."""
        if target.schema and target.schema != self.schema:
            return False
        if target.address.startswith("sqlite"):
            file = os.path.realpath(target.database)
            return any(os.path.realpath(name) == file for name in self.databases)
        return database_of(target.address) in self.databases

    def __str__(self) -> str:
        database = " or ".join(sorted(self.databases)) or "in memory"
        return f"schema {self.schema!r} of database {database}" if self.schema else database


def place_of(connection: Connection, options: Mapping[str, Any]) -> Place:
    """Where the version table is that ``context.configure`` was given these options for.

    The transaction that env.py may have begun is left as it is: asked is over the driver, of
    which SQLAlchemy keeps no account.
    """
    named = options.get("version_table_schema")
    translate = connection.get_execution_options().get("schema_translate_map") or {}
    schema = translate.get(named, named)
    names = {connection.engine.url.database}
    if connection.dialect.name == "postgresql":
        database, current = _asked(connection)
        names.add(database)
        schema = schema or current
    known = frozenset(str(name) for name in names if name)
    return Place(known, schema, options.get("version_table", "alembic_version"))


def _asked(connection: Connection) -> tuple[str, str | None]:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute("SELECT current_database(), current_schema()")
        database, schema = cursor.fetchone() or ("", None)
    return str(database), None if schema is None else str(schema)
