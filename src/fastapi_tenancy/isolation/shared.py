"""Tells tables that tenants share from those of tenants with a schema of their own."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.model.tenant import IsolationStrategy


def shared_tables(config: TenancyConfig) -> str:
    """SQL: that a table ``c`` in a schema ``n`` is not one of a tenant with a schema of its own.

    In a mix those have policies too, which nobody needs there. A schema that a tenant names
    itself (``schema_name``) is not known here: its policies have to be forced like all others.
    """
    if config.isolation_strategy is not IsolationStrategy.HYBRID:
        return "true"
    own = []
    if config.schema_prefix:
        prefix = literal(config.schema_prefix)
        own.append(f"pg_catalog.starts_with(n.nspname::text, {prefix})")
    if config.schema_pattern:
        own.append(f"n.nspname LIKE {literal(config.schema_pattern)}")
    if not own:
        return "true"
    common = "".join(f" OR n.nspname = {literal(name)}" for name in config.search_path_extra)
    return f"(NOT ({' OR '.join(own)}) OR pg_catalog.pg_table_is_visible(c.oid){common})"
