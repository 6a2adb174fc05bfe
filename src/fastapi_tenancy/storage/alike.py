"""Identifiers that come to the same name of a schema or a database: one tenant may have it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler

from fastapi_tenancy.isolation.derived import MARKS, plain_name
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant


def common_name(tenant: Tenant) -> tuple[str | None, str] | None:
    """What an identifier is but for case and marks, behind its shard.

    None where its place does not come from its identifier.
    """
    own = (tenant.schema_name, tenant.database_url)
    if own != (None, None) or tenant.isolation_strategy is IsolationStrategy.RLS:
        return None
    return tenant.shard, plain_name(tenant.identifier)


class CommonName(sa.Computed):
    """``common_name`` in SQL, without the shard; for rows that others write, too."""

    def __init__(self) -> None:
        super().__init__(_sql(), persisted=True)


@compiles(CommonName, "sqlite")
def _virtual(element: CommonName, _compiler: DDLCompiler, **_kw: Any) -> str:
    # A stored one cannot be added to a table that is there.
    return f"GENERATED ALWAYS AS ({element.sqltext}) VIRTUAL"


def _sql() -> str:
    made = "lower(identifier)"  # of ASCII letters: on PostgreSQL its collation is "C"
    for mark in MARKS:
        made = f"replace({made}, '{mark.replace(':', chr(92) + ':')}', '_')"
    return (
        "CASE WHEN schema_name IS NULL AND database_url IS NULL"
        f" AND coalesce(isolation_strategy, '') <> '{IsolationStrategy.RLS.value}' THEN {made} END"
    )
