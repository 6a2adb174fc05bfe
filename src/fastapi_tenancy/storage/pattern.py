"""A catalogue that is nothing but the schemas of a database, chosen by their names."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa

from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.paging import check_window, streamed
from fastapi_tenancy.storage.protocol import ShardCounts, Tenants
from fastapi_tenancy.storage.readonly import ReadOnlyStore

_PIECE = re.compile(r"\\.|.", re.DOTALL)

# greatest(): the planner may compute the identifier of a schema that LIKE has yet to refuse.
_SCHEMAS = r"""
SELECT nspname AS schema_name,
       coalesce(nullif(CASE WHEN :single
           THEN substr(nspname, :start, greatest(length(nspname) - :fixed, 0))
       END, ''), nspname) AS identifier
  FROM pg_catalog.pg_namespace
 WHERE nspname LIKE :pattern
   AND nspname NOT LIKE 'pg\_%'
   AND NOT starts_with(nspname, 'tenancy_scratch_')
   AND nspname NOT IN ('information_schema', 'public')
"""
_COUNT = sa.text(f"SELECT count(*) FROM ({_SCHEMAS}) AS t")
_AMBIGUOUS = sa.text(
    "SELECT identifier, min(schema_name) AS one, max(schema_name) AS other"
    f" FROM ({_SCHEMAS}) AS t GROUP BY identifier HAVING count(*) > 1 LIMIT 1"
)


class SchemaPatternTenantStore(ReadOnlyStore):
    r"""A ``TenantStore`` of every schema whose name is LIKE a pattern, in the order of its name.

    As in SQL, ``%`` stands for any characters and ``_`` for any single one; ``\_`` and ``\%``
    stand for themselves. The identifier is what the one ``%`` stands for (``tenant_%``:
    ``tenant_acme`` is ``acme``), or the whole name where that is empty or the pattern has none
    or several. The id is the name of the schema, every tenant is active. Schemas of PostgreSQL
    (``pg_*``, ``information_schema``), ``public`` and scratch places are never tenants.

    Args:
        database_url: a PostgreSQL database, of any driver.
        pattern: what LIKE takes.
        connect_timeout_s: seconds a server may take to answer a new connection.

    Raises:
        ConfigurationError: ``database_url`` or ``pattern`` cannot be used; and from every method,
            two schemas that come to the same identifier.
    """

    def __init__(self, database_url: str, pattern: str, *, connect_timeout_s: float = 10) -> None:
        database = CatalogueDatabase(
            database_url, read_only=True, connect_timeout_s=connect_timeout_s
        )
        if not database.postgresql:
            raise ConfigurationError(
                f"schema_pattern needs a PostgreSQL database, {database_url!r} has no schemas"
            )
        super().__init__(database, "schema_pattern; create or drop the schema itself")
        self._values = _cut(pattern)

    async def get_by_id(self, id: str) -> Tenant:  # noqa: A002
        """Return the tenant in the schema of this name; see ``TenantStore.get_by_id``."""
        return await self._one("schema_name", id)

    async def get_by_identifier(self, identifier: str) -> Tenant:
        """Return the tenant with this identifier; see ``TenantStore.get_by_identifier``."""
        return await self._one("identifier", identifier)

    async def get_by_host(self, host: str) -> Tenant:
        """Refuse: schemas have no hosts; see ``TenantStore.get_by_host``."""
        raise TenantNotFoundError(host)

    async def list(
        self, skip: int = 0, limit: int = 100, status: TenantStatus | None = None
    ) -> Tenants:
        """Return up to ``limit`` tenants after the first ``skip``; see ``TenantStore.list``."""
        check_window(skip, limit)
        if status not in (None, TenantStatus.ACTIVE):
            return []
        return await self._read("true", {"skip": skip, "limit": limit})

    def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        """Give every tenant once; see ``TenantStore.stream``."""
        return streamed(self._page, batch)

    async def count(self, status: TenantStatus | None = None) -> int:
        """Count the tenants with this ``status``; see ``TenantStore.count``."""
        if status not in (None, TenantStatus.ACTIVE):
            return 0
        return await self._database.run(
            lambda connection: int(connection.execute(_COUNT, self._values).scalar_one())
        )

    async def count_by_shard(self) -> ShardCounts:
        """Count them all under None: schemas have no shards; see ``TenantStore.count_by_shard``."""
        return {None: count} if (count := await self.count()) else {}

    async def _page(self, last: Tenant | None, batch: int) -> Tenants:
        window = {"skip": 0, "limit": batch}
        if last is None:
            return await self._read("true", window)
        after = "t.schema_name > CAST(:after AS name)"
        return await self._read(after, window | {"after": last.id}, check=False)

    async def _one(self, column: str, value: str) -> Tenant:
        found = await self._read(f"t.{column} = :wanted", {"wanted": value, "skip": 0, "limit": 1})
        if not found:
            raise TenantNotFoundError(value)
        return found[0]

    async def _read(self, condition: str, values: dict[str, Any], *, check: bool = True) -> Tenants:
        statement = sa.text(
            f"SELECT * FROM ({_SCHEMAS}) AS t WHERE {condition}"
            " ORDER BY t.schema_name LIMIT :limit OFFSET :skip"
        )

        def read(connection: sa.Connection) -> Tenants:
            if check:
                self._refuse_ambiguous(connection)
            rows = connection.execute(statement, self._values | values)
            return [Tenant(id=name, identifier=tenant, schema_name=name) for name, tenant in rows]

        return await self._database.run(read)

    def _refuse_ambiguous(self, connection: sa.Connection) -> None:
        found = connection.execute(_AMBIGUOUS, self._values).one_or_none()
        if found is not None:
            raise ConfigurationError(
                f"the schemas {found.one!r} and {found.other!r} both give the identifier"
                f" {found.identifier!r} by schema_pattern {self._values['pattern']!r}. `_` stands"
                r" for any character there; write `\_` for an underscore"
            )


def _cut(pattern: str) -> dict[str, Any]:
    """Return the pattern with where, in a name it matches, the part of its one ``%`` stands."""
    pieces = _PIECE.findall(pattern)
    if not pattern or "\x00" in pattern or pieces[-1] == "\\":
        raise ConfigurationError(
            f"schema_pattern is {pattern!r}; expected what LIKE takes, such as tenant_%, not"
            " empty and not ending in a single backslash"
        )
    single = pieces.count("%") == 1
    return {
        "pattern": pattern,
        "single": single,
        "start": pieces.index("%") + 1 if single else 1,
        "fixed": len(pieces) - 1,
    }
