"""Watches the schemas that every tenant sees and no migration of a tenant may change."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from fastapi_tenancy.model.outcome import Difference
from fastapi_tenancy.observe.structure import Structure, read_structures, told_difference


class SharedSchemas:
    """Their structure before a run, to be compared with that after it."""

    def __init__(self, connection: psycopg.Connection, schemas: tuple[str, ...]) -> None:
        self._schemas = schemas
        self.locked: set[str] = set()
        """Schemas that could not be read, because somebody keeps an object of them locked."""
        self._before = self._read(connection)

    def differences(self, connection: psycopg.Connection) -> Iterator[Difference]:
        """What changed in them since, schema by schema."""
        after = self._read(connection)
        for schema in self._schemas:
            old, new = self._before.get(schema, {}), after.get(schema, {})
            if old != new and schema not in self.locked:
                yield Difference(
                    f"schema {schema}",
                    f"{schema} changed during the run ({told_difference(old, new)}): a revision,"
                    " or somebody else, wrote outside of the tenants' schemas",
                )

    def _read(self, connection: psycopg.Connection) -> dict[str, Structure]:
        return dict(read_structures(connection, self._schemas, self.locked))
