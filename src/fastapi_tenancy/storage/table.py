"""The table ``tenants`` of a catalogue of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.storage.alike import CommonName
from fastapi_tenancy.storage.encryption import PLAIN, UrlCipher
from fastapi_tenancy.storage.times import in_utc


class _Utc(sa.types.TypeDecorator[datetime]):
    """A time that is UTC and aware on every database; a naive one is taken as UTC."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        moment = in_utc(value)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: sa.Dialect,  # noqa: ARG002
    ) -> datetime | None:
        return None if value is None else in_utc(value)


class _Now(sa.sql.expression.ColumnElement[datetime]):
    """The time of an insert made by hand, in the form the column compares by."""

    inherit_cache = True


@compiles(_Now, "postgresql")
def _postgresql_now(_element: _Now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(_Now, "sqlite")
def _sqlite_now(_element: _Now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"


# Byte order, whatever the collation of the database: the order of every other catalogue.
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

TENANTS = sa.Table(
    "tenants",
    sa.MetaData(),
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("identifier", _KEY, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column(
        "tags", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False, server_default="{}"
    ),
    sa.Column("schema_name", _KEY),
    sa.Column("database_url", sa.Text),
    sa.Column("isolation_strategy", sa.Text),
    sa.Column("host", _KEY),
    sa.Column("shard", _KEY),
    sa.Column("common_name", _KEY, CommonName()),
    sa.Column("created_at", _Utc, nullable=False, server_default=_Now()),
    sa.Column("updated_at", _Utc, nullable=False, server_default=_Now()),
    # SQLite compares times as text: one written in another form would get lost between pages.
    sa.CheckConstraint(
        "created_at LIKE '____-__-__ __:__:__.______'", name="tenants_created_at_form"
    ).ddl_if(dialect="sqlite"),
)
# Tags are read as text, so that equal ones become one mapping.
COLUMNS = tuple(
    sa.cast(column, sa.Text).label("tags") if column.name == "tags" else column
    for column in TENANTS.c
    if column.name != "common_name"  # for the indexes alone
)
ORDER = (TENANTS.c.created_at, TENANTS.c.id)

_COMMON = TENANTS.c.database_url.is_(None)


def _unique(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Index:
    return sa.Index(name, *columns, unique=True, postgresql_where=where, sqlite_where=where)


INDEXES = (
    # Tenants with a database of their own may each call their schema the same.
    _unique(
        "tenants_common_schema_key",
        TENANTS.c.schema_name,
        where=sa.and_(_COMMON, TENANTS.c.shard.is_(None)),
    ),
    _unique(
        "tenants_shard_schema_key",
        TENANTS.c.shard,
        TENANTS.c.schema_name,
        where=sa.and_(_COMMON, TENANTS.c.shard.is_not(None)),
    ),
    _unique("tenants_common_name_key", TENANTS.c.common_name, where=TENANTS.c.shard.is_(None)),
    _unique(
        "tenants_shard_name_key",
        TENANTS.c.shard,
        TENANTS.c.common_name,
        where=TENANTS.c.shard.is_not(None),
    ),
    _unique("tenants_host_key", TENANTS.c.host, where=TENANTS.c.host.is_not(None)),
    sa.Index("tenants_created_at_id_idx", *ORDER),
)
ADDED = ("host", "shard", "common_name")
"""Columns that a table of an earlier version lacks."""
REPLACED = ("tenants_schema_name_key",)
"""Indexes of an earlier version: this one kept a schema's name for one shard of many."""


def row_of(tenant: Tenant, cipher: UrlCipher = PLAIN) -> dict[str, Any]:
    """Return the columns of ``tenant`` but for its times.

    Args:
        cipher: encrypts its ``database_url``.
    """
    return {
        "id": tenant.id,
        "identifier": tenant.identifier,
        "name": tenant.name,
        "status": tenant.status.value,
        "tags": dict(tenant.tags),
        "schema_name": tenant.schema_name,
        "database_url": cipher.kept(tenant.database_url),
        "isolation_strategy": tenant.isolation_strategy and tenant.isolation_strategy.value,
        "host": tenant.host,
        "shard": tenant.shard,
    }
