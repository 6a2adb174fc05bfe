"""A catalogue in a table of its own, on PostgreSQL or SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from fastapi_tenancy.errors import ConfigurationError, TenantExistsError, TenantNotFoundError
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.alike import common_name
from fastapi_tenancy.storage.baselines import BaselineTable
from fastapi_tenancy.storage.changes import Change, TenantNames, names_of, tell
from fastapi_tenancy.storage.claims import Claim, chosen
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.encryption import UrlCipher
from fastapi_tenancy.storage.exists import exists_error, status_error
from fastapi_tenancy.storage.index import first_clash
from fastapi_tenancy.storage.making import ensure_table
from fastapi_tenancy.storage.names import check_tenant
from fastapi_tenancy.storage.paging import check_window, streamed
from fastapi_tenancy.storage.protocol import ShardCounts, Tenants
from fastapi_tenancy.storage.reencrypting import Reencrypted, reencrypt_some
from fastapi_tenancy.storage.rows import tenant_from
from fastapi_tenancy.storage.table import COLUMNS, ORDER, TENANTS, row_of
from fastapi_tenancy.storage.writing import NAMES, held, new_row, replaced

_AT_ONCE = 500
"""Tenants written with one statement: SQLite takes few thousand values at once."""


class SQLAlchemyTenantStore:
    """A ``TenantStore`` in the table ``tenants``, in the order tenants were created.

    Args:
        database_url: of any driver, asynchronous ones too; by default ``sqlite:///tenancy.db``.
        connect_timeout_s: seconds a server may take to answer a new connection.
        encryption_keys: Fernet keys for the ``database_url`` of tenants: the first one encrypts
            what is written, each of them decrypts; without any, URLs are kept as they are.

    Raises:
        ConfigurationError: ``database_url`` is neither a PostgreSQL nor an SQLite URL, or a key
            is none.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        connect_timeout_s: float = 10,
        encryption_keys: Sequence[str] = (),
    ) -> None:
        self._encrypts = bool(encryption_keys)
        self._cipher = UrlCipher(encryption_keys)
        self._database = CatalogueDatabase(
            database_url or "sqlite:///tenancy.db", connect_timeout_s=connect_timeout_s
        )

    @property
    def baselines(self) -> BaselineTable:
        """What new tenants are made of, beside the list of tenants."""
        return BaselineTable(self._database)

    async def initialize(self) -> None:
        """Create the table ``tenants`` unless it is there; safe in several processes at once.

        A table that an earlier version made gets the columns it lacks.

        Raises:
            ConfigurationError: a table ``tenants`` is there that is not a catalogue.
        """
        await self._database.run(ensure_table, makes=True)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._database.close()

    async def create(self, tenant: Tenant) -> Tenant:
        """Add a tenant; see ``TenantStore.create``."""
        row = new_row(tenant, datetime.now(UTC), self._cipher)
        return await self._write(tenant, sa.insert(TENANTS).values(row))

    async def get_by_id(self, id: str) -> Tenant:  # noqa: A002
        """Return the tenant with this id; see ``TenantStore.get_by_id``."""
        return await self._one(TENANTS.c.id, id)

    async def get_by_identifier(self, identifier: str) -> Tenant:
        """Return the tenant with this identifier; see ``TenantStore.get_by_identifier``."""
        return await self._one(TENANTS.c.identifier, identifier)

    async def get_by_host(self, host: str) -> Tenant:
        """Return the tenant with this host; see ``TenantStore.get_by_host``."""
        return await self._one(TENANTS.c.host, host)

    async def list(
        self, skip: int = 0, limit: int = 100, status: TenantStatus | None = None
    ) -> Tenants:
        """Return up to ``limit`` tenants after the first ``skip``; see ``TenantStore.list``."""
        check_window(skip, limit)
        chosen = sa.select(*COLUMNS).where(_has(status)).order_by(*ORDER)
        return await self._read(chosen.offset(skip).limit(limit))

    def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        """Give every tenant once, deleted ones too; see ``TenantStore.stream``."""
        return streamed(self._page, batch)

    async def claimants(self, claim: Claim) -> Tenants:
        """Tenants that may stand in the way of a new one; see ``FindsClaimants``."""
        dialect = "postgresql" if self._database.postgresql else "sqlite"
        return await self._read(sa.select(*COLUMNS).where(chosen(claim, dialect)))

    async def update(self, tenant: Tenant) -> Tenant:
        """Replace the tenant with this id; see ``TenantStore.update``."""
        values = row_of(check_tenant(tenant), self._cipher) | {"updated_at": datetime.now(UTC)}
        return await self._write(
            tenant, sa.update(TENANTS).where(TENANTS.c.id == tenant.id).values(values)
        )

    async def set_status(
        self,
        id: str,  # noqa: A002
        status: TenantStatus,
        among: Collection[TenantStatus],
    ) -> Tenant:
        """Give the tenant a status if it has one of these; see ``TenantStore.set_status``."""
        expected = TENANTS.c.status.in_([one.value for one in among])
        statement = sa.update(TENANTS).where(TENANTS.c.id == id, expected).returning(*COLUMNS)
        values = {"status": status.value, "updated_at": datetime.now(UTC)}

        def write(connection: sa.Connection) -> list[Tenant]:
            rows = connection.execute(statement.values(values))
            return [tenant_from(row._asdict(), self._cipher) for row in rows]

        def told(made: list[Tenant]) -> None:
            tell(Change(names_of(made), names_of(made)))

        made = await self._database.run(write, after=told)
        if not made:
            raise status_error(await self.get_by_id(id), status, among)
        return made[0]

    async def save_all(self, new: Iterable[Tenant], changed: Iterable[Tenant] = ()) -> None:
        """Add tenants and replace others, or do nothing; see ``TenantStore.save_all``."""
        read: tuple[Tenants, Tenants] = [], []
        before: list[TenantNames] = []

        def write(connection: sa.Connection) -> None:
            for chunk in chunked(changed, _AT_ONCE):
                read[0].extend(chunk)
                before.extend(replaced(connection, chunk, self._cipher))
            for chunk in chunked(new, _AT_ONCE):
                read[1].extend(chunk)
                now = datetime.now(UTC)
                rows = [new_row(tenant, now, self._cipher) for tenant in chunk]
                connection.execute(sa.insert(TENANTS), rows)

        def told(_done: None) -> None:
            tell(Change(tuple(before), names_of([*read[0], *read[1]])))

        try:
            await self._database.run(write, after=told)
        except IntegrityError:
            # `from None`: the driver's error shows the row, which may hold a password.
            raise first_clash([t async for t in self.stream()], *read) from None

    async def delete(self, id: str, hard: bool = False) -> None:  # noqa: A002
        """Mark the tenant as deleted, or remove it with ``hard``; see ``TenantStore.delete``."""
        gone: sa.Delete | sa.Update = sa.delete(TENANTS)
        if not hard:
            gone = sa.update(TENANTS).values(
                status=TenantStatus.DELETED.value, updated_at=datetime.now(UTC)
            )
        statement = gone.where(TENANTS.c.id == id).returning(*NAMES)

        def write(connection: sa.Connection) -> tuple[TenantNames, ...]:
            return tuple(TenantNames(*row) for row in connection.execute(statement))

        def told(names: tuple[TenantNames, ...]) -> None:
            tell(Change(names, () if hard else names))

        if not await self._database.run(write, after=told):
            raise TenantNotFoundError(id)

    async def count(self, status: TenantStatus | None = None) -> int:
        """Count the tenants with this ``status``; see ``TenantStore.count``."""
        counted = sa.select(sa.func.count()).select_from(TENANTS).where(_has(status))
        return await self._database.run(lambda connection: connection.execute(counted).scalar_one())

    async def count_by_shard(self) -> ShardCounts:
        """Count the tenants of each shard; see ``TenantStore.count_by_shard``."""
        counted = sa.select(TENANTS.c.shard, sa.func.count()).where(_has(None))
        statement = counted.group_by(TENANTS.c.shard)

        def counts(connection: sa.Connection) -> ShardCounts:
            return {shard: int(count) for shard, count in connection.execute(statement)}

        return await self._database.run(counts)

    async def reencrypt(self) -> Reencrypted:
        """Encrypt every tenant's ``database_url`` with the first key, plain ones too.

        What was done stays done when it is interrupted, and is found done when it runs again.
        Nothing else of a tenant changes, ``updated_at`` neither.

        Raises:
            ConfigurationError: there are no keys.
        """
        if not self._encrypts:
            raise ConfigurationError(
                "encryption_keys is not set (TENANCY_ENCRYPTION_KEYS, tenancy.toml), so there is"
                " nothing to encrypt with"
            )
        done = Reencrypted()
        last: str | None = ""
        while last is not None:
            work = partial(reencrypt_some, cipher=self._cipher, after=last, most=_AT_ONCE)
            some, last = await self._database.run(work)
            done += some
        return done

    async def _page(self, last: Tenant | None, batch: int) -> Tenants:
        chosen = sa.select(*COLUMNS).order_by(*ORDER).limit(batch)
        if last is not None:
            key = [sa.literal(last.created_at, ORDER[0].type), sa.literal(last.id, ORDER[1].type)]
            chosen = chosen.where(sa.tuple_(*ORDER) > sa.tuple_(*key))
        return await self._read(chosen)

    async def _one(self, column: sa.Column[Any], value: str) -> Tenant:
        found = await self._read(sa.select(*COLUMNS).where(column == value))
        if not found:
            raise TenantNotFoundError(value)
        return found[0]

    async def _read(self, chosen: sa.Select[Any]) -> Tenants:
        def read(connection: sa.Connection) -> Tenants:
            rows = connection.execute(chosen)
            return [tenant_from(row._asdict(), self._cipher) for row in rows]

        return await self._database.run(read)

    async def _write(self, tenant: Tenant, statement: sa.Insert | sa.Update) -> Tenant:
        returning, new = statement.returning(*COLUMNS), isinstance(statement, sa.Insert)
        before: list[TenantNames] = []

        def write(connection: sa.Connection) -> Tenant | None:
            if not new:
                before.extend(held(connection, [tenant.id]))
            row = connection.execute(returning).one_or_none()
            return None if row is None else tenant_from(row._asdict(), self._cipher)

        def told(made: Tenant | None) -> None:
            tell(Change(tuple(before), () if made is None else names_of([made])))

        try:
            written = await self._database.run(write, after=told)
        except IntegrityError:
            # `from None`: the driver's error shows the row, which may hold a password.
            raise await self._clash(tenant, new) from None
        if written is None:
            raise TenantNotFoundError(tenant.id)
        return written

    async def _clash(self, tenant: Tenant, new: bool) -> TenantExistsError | ConfigurationError:
        # Bound values, because what SQLAlchemy makes of `== None` is IS NULL: nearly everybody.
        alike = [
            TENANTS.c[name] == sa.literal(getattr(tenant, name), sa.Text)
            for name in ("id", "identifier", "host", "schema_name")
        ]
        name = common_name(tenant)
        if name is not None:
            alike.append(TENANTS.c.common_name == name[1])
        others = await self._read(sa.select(*COLUMNS).where(sa.or_(*alike)))
        return exists_error(tenant, [other for other in others if new or other.id != tenant.id])


def _has(status: TenantStatus | None) -> sa.ColumnElement[bool]:
    if status is None:
        return TENANTS.c.status != TenantStatus.DELETED.value
    return TENANTS.c.status == status.value
