"""What lies in schemas that everybody sees, and belongs into those of tenants."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing

import psycopg

from fastapi_tenancy.drift.others import Others
from fastapi_tenancy.drift.place import told
from fastapi_tenancy.drift.values import Astray
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.target import PositionState, Target
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.positions import read_positions

_RELATIONS = """
SELECT c.relname::text FROM pg_catalog.pg_class c
WHERE c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(%(schema)s))
    AND c.relname = ANY(%(names)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1
"""
_SHOWN = 10


class Shared:
    """The schemas that everybody sees, in each of the databases of a fleet.

    Args:
        schemas: their names.
        tables: what the migrations make in a tenant's schema.
        others: leaves out what other tracks have there.
    """

    def __init__(
        self,
        history: History,
        schemas: Sequence[str],
        version_table: str,
        tables: Collection[str],
        others: Others,
    ) -> None:
        self._history = history
        self._schemas = schemas
        self._version_table = version_table
        self._tables = sorted(tables)
        self._others = others

    def look(self, target: Target, timeout_s: float) -> Iterator[Astray]:
        """What is astray in the database of a target; a server that is lost is told of."""
        try:
            with closing(connect(target.address, timeout_s)) as connection:
                for schema in self._schemas:
                    yield from self._schema(connection, target.database, schema)
        except (psycopg.Error, ServerUnreachableError) as error:
            where = f"database {target.database}"
            found = f"what everybody sees cannot be looked at: {masked(told(error))}"
            yield Astray(where=where, found=found, do="run again when the server answers")

    def _schema(
        self, connection: psycopg.Connection, database: str, schema: str
    ) -> Iterator[Astray]:
        theirs = self._others.at((database, schema)).relations
        ours = self._ours(connection, schema, theirs)
        where = f"schema {schema} of {database}"
        if ours:
            yield Astray(
                where=where,
                found=f"the version table {self._version_table} holds {', '.join(ours)} of this"
                " history, which belongs into the schema of a tenant",
                do="a migration went astray: look what it made here, and whose it is; then drop"
                " the table",
            )
        asked = {"schema": schema, "names": self._tables}
        names = [str(name) for (name,) in connection.execute(_RELATIONS, asked)]
        names = [name for name in names if name not in theirs]
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield Astray(
                where=where,
                found=f"{', '.join(names[:_SHOWN])}{more}: named like tables of tenants, which do"
                " not find their own where these come first",
                do="drop what is left over; where it is meant, give it another name or a track",
                note=not ours,
            )

    def _ours(
        self, connection: psycopg.Connection, schema: str, theirs: Collection[str]
    ) -> tuple[str, ...]:
        """The revisions of this history that the version table of a shared schema holds."""
        if self._version_table in theirs:
            return ()
        position = next(read_positions(connection, [schema], self._version_table))
        if position.state is not PositionState.VERSIONED:
            return ()
        return tuple(head for head in position.heads if head in self._history.known)
