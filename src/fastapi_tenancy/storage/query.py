"""A catalogue read from the project's own tables by a query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.encryption import UrlCipher
from fastapi_tenancy.storage.paging import check_window, streamed
from fastapi_tenancy.storage.place import located
from fastapi_tenancy.storage.protocol import ShardCounts, Tenants
from fastapi_tenancy.storage.readonly import ReadOnlyStore
from fastapi_tenancy.storage.rows import tenant_from

COLUMNS = (
    "identifier",
    "id",
    "name",
    "schema_name",
    "database_url",
    "status",
    "tags",
    "isolation_strategy",
    "host",
    "shard",
)
"""What a query may give; all but ``identifier`` are optional."""


class QueryTenantStore(ReadOnlyStore):
    """A ``TenantStore`` over a query that gives ``COLUMNS``, in the order of the identifier.

    ``identifier`` stands for a missing or NULL ``id``, and a missing or NULL ``status`` means
    active. ``host`` is read in lower case. ``tags`` is a JSON object (json, jsonb or text). Values
    are read as the text the database makes of them. The query runs in read-only transactions, once
    per page.

    Args:
        database_url: of any driver.
        query: a SELECT; ``%`` and ``:`` mean what they mean in SQL.
        connect_timeout_s: seconds a server may take to answer a new connection.
        encryption_keys: Fernet keys; each decrypts a ``database_url`` that a catalogue of our own
            has encrypted.

    Raises:
        ConfigurationError: ``database_url`` cannot be used; and from every method, a query that
            fails, gives other columns, or gives an id, identifier or host twice or no identifier.
    """

    def __init__(
        self,
        database_url: str,
        query: str,
        *,
        connect_timeout_s: float = 10,
        encryption_keys: Sequence[str] = (),
    ) -> None:
        database = CatalogueDatabase(
            database_url, read_only=True, connect_timeout_s=connect_timeout_s
        )
        super().__init__(database, "tenants_query; make the change in the table it reads")
        self._query = _bare(query)
        self._cipher = UrlCipher(encryption_keys)
        self._columns: tuple[str, ...] | None = None

    async def get_by_id(self, id: str) -> Tenant:  # noqa: A002
        """Return the tenant with this id; see ``TenantStore.get_by_id``."""
        return await self._one("id", id)

    async def get_by_identifier(self, identifier: str) -> Tenant:
        """Return the tenant with this identifier; see ``TenantStore.get_by_identifier``."""
        return await self._one("identifier", identifier)

    async def get_by_host(self, host: str) -> Tenant:
        """Return the tenant with this host; see ``TenantStore.get_by_host``."""
        return await self._one("host", host)

    async def list(
        self, skip: int = 0, limit: int = 100, status: TenantStatus | None = None
    ) -> Tenants:
        """Return up to ``limit`` tenants after the first ``skip``; see ``TenantStore.list``."""
        check_window(skip, limit)
        return await self._read(_has(status), {"skip": skip, "limit": limit}, whole=True)

    def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        """Give every tenant once, deleted ones too; see ``TenantStore.stream``."""
        return streamed(self._page, batch)

    async def count(self, status: TenantStatus | None = None) -> int:
        """Count the tenants with this ``status``; see ``TenantStore.count``."""

        def counted(connection: sa.Connection) -> int:
            return int(self._rows(connection, "count(*)", _has(status), "")[0][0])

        return await self._database.run(counted)

    async def count_by_shard(self) -> ShardCounts:
        """Count the tenants of each shard; see ``TenantStore.count_by_shard``."""

        def counted(connection: sa.Connection) -> ShardCounts:
            what, order = "t.shard AS shard, count(*) AS many", "GROUP BY t.shard"
            rows = self._rows(connection, what, _has(None), order)
            return {row.shard: int(row.many) for row in rows}

        return await self._database.run(counted)

    async def _page(self, last: Tenant | None, batch: int) -> Tenants:
        # One more than asked for, so that a repeated identifier is seen at the end of a page too.
        values: dict[str, Any] = {"skip": 0, "limit": batch + 1}
        if last is None:
            return (await self._read("1 = 1", values, whole=True))[:batch]
        found = await self._read("t.identifier > :after", values | {"after": last.identifier})
        return found[:batch]

    async def _one(self, column: str, value: str) -> Tenant:
        found = await self._read(f"t.{column} = :wanted", {"wanted": value, "skip": 0, "limit": 2})
        if not found:
            raise TenantNotFoundError(value)
        if len(found) > 1:
            raise _shared(column, value, *(tenant.identifier for tenant in found))
        return found[0]

    async def _read(
        self, condition: str, values: dict[str, Any], *, whole: bool = False
    ) -> Tenants:
        def read(connection: sa.Connection) -> Tenants:
            order = "ORDER BY t.identifier NULLS FIRST LIMIT :limit OFFSET :skip"
            rows = self._rows(connection, "*", condition, order, values)
            tenants = _distinct([_tenant(row._asdict(), self._cipher) for row in rows])
            if whole:
                self._require_own_ids(connection)
            return tenants

        return await self._database.run(read)

    def _require_own_ids(self, connection: sa.Connection) -> None:
        """Refuse an id of several tenants; the database looks, which has them all."""
        ends = "min(t.identifier), max(t.identifier)"
        several = "GROUP BY t.id HAVING min(t.identifier) < max(t.identifier) LIMIT 1"
        for row in self._rows(connection, f"t.id, {ends}", "1 = 1", several):
            raise _shared("id", *row)

    def _rows(
        self,
        connection: sa.Connection,
        what: str,
        condition: str,
        order: str,
        values: dict[str, Any] | None = None,
    ) -> Sequence[sa.Row[Any]]:
        if self._columns is None:
            self._columns = self._probe(connection)
        source = _as_tenants(self._query, self._columns, self._database.postgresql)
        statement = f"SELECT {what} FROM ({source}) AS t WHERE {condition} {order}"
        return self._execute(connection, statement, values or {}).all()

    def _execute(
        self, connection: sa.Connection, statement: str, values: dict[str, Any]
    ) -> sa.CursorResult[Any]:
        try:
            return connection.execute(sa.text(statement), values)
        except DBAPIError as exc:
            told = located(exc, _unescaped(statement), _unescaped(self._query))
            if told is None:
                raise
            shown = self._database.shown
            raise ConfigurationError(f"the catalogue {shown!r} refused: {masked(told)}") from exc

    def _probe(self, connection: sa.Connection) -> tuple[str, ...]:
        # A bound value makes PostgreSQL take exactly one statement: none can end the
        # read-only transaction and begin another.
        nothing = f"SELECT * FROM (\n{self._query}\n) AS q LIMIT :none"
        found = tuple(self._execute(connection, nothing, {"none": 0}).keys())
        unknown = [name for name in found if name not in COLUMNS]
        twice = sorted({name for name in found if found.count(name) > 1})
        if "identifier" not in found or unknown or twice:
            wrong = f"{', '.join(unknown)} unknown" if unknown else ""
            if twice:
                wrong = f"{', '.join(twice)} given twice"
            if "identifier" not in found:
                wrong = "no identifier"
            raise ConfigurationError(
                f"tenants_query gives the columns {', '.join(found)}: {wrong}. Expected"
                f" identifier and, where wanted, {', '.join(COLUMNS[1:])}; rename with AS"
            )
        return found


def _bare(query: str) -> str:
    """Return ``query`` without a final semicolon and safe for ``sqlalchemy.text``."""
    text = query.strip()
    while text.endswith(";"):
        text = text[:-1].rstrip()
    if not text:
        raise ConfigurationError("tenants_query is empty; expected a SELECT giving identifier")
    return text.replace(":", r"\:")


def _unescaped(text: str) -> str:
    """What reaches the database of what is safe for ``sqlalchemy.text``."""
    return text.replace(r"\:", ":")


def _as_tenants(query: str, columns: tuple[str, ...], postgresql: bool) -> str:
    """Return a SELECT of every column as text, with the identifier in byte order."""
    collation = '"C"' if postgresql else "BINARY"
    given = {name: f"CAST(q.{name} AS text)" for name in columns}
    given["id"] = f"coalesce({given.get('id', 'NULL')}, {given['identifier']})"
    given["status"] = f"lower(coalesce({given.get('status', 'NULL')}, 'active'))"
    given["identifier"] = f"{given['identifier']} COLLATE {collation}"
    given["shard"] = f"nullif({given.get('shard', 'CAST(NULL AS text)')}, '')"
    given["host"] = f"lower({given.get('host', 'CAST(NULL AS text)')})"
    chosen = ", ".join(f"{expression} AS {name}" for name, expression in given.items())
    return f"SELECT {chosen} FROM (\n{query}\n) AS q"


def _has(status: TenantStatus | None) -> str:
    return f"t.status = '{status}'" if status else f"t.status <> '{TenantStatus.DELETED}'"


def _tenant(row: dict[str, Any], cipher: UrlCipher) -> Tenant:
    if row["identifier"] is None:
        raise ConfigurationError(
            "tenants_query gives a tenant whose identifier is NULL; every tenant needs one"
        )
    return tenant_from(row, cipher)


def _distinct(tenants: Tenants) -> Tenants:
    for before, tenant in pairwise(tenants):
        if before.identifier == tenant.identifier:
            raise ConfigurationError(
                f"tenants_query gives the identifier {tenant.identifier!r} more than once; it must"
                " give each tenant its own"
            )
    return tenants


def _shared(column: str, value: str, *identifiers: str) -> ConfigurationError:
    names = " and ".join(repr(name) for name in identifiers)
    advice = ". Without a column id, the identifier is the id" if column == "id" else ""
    return ConfigurationError(
        f"tenants_query gives the {column} {value!r} to the tenants {names}; it must give each"
        f" tenant its own{advice}"
    )
