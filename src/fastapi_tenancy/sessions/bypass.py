"""Refuses a role that row-level security would not hold for."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.isolation.shared import shared_tables
from fastapi_tenancy.observe.views import OpenView, open_views, views_sql
from fastapi_tenancy.sessions.course import AimedConnection

_ROLE = """
SELECT rolname::text, rolsuper, rolbypassrls, pg_catalog.pg_has_role(current_user, oid, 'MEMBER')
  FROM pg_catalog.pg_roles WHERE rolname = {role}
"""
_OPEN = """
SELECT c.oid::regclass::text
  FROM (SELECT DISTINCT polrelid FROM pg_catalog.pg_policy) p
  JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles r ON r.rolname = {role}
 WHERE {condition} AND {reached}
 ORDER BY 1 LIMIT 6
"""
_OWNED = (
    "c.relrowsecurity AND NOT c.relforcerowsecurity"
    " AND pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')"
)
"""Policies do not hold for the owner, nor for roles with the owner's rights, without FORCE."""
_OFF = "NOT c.relrowsecurity"


async def require_no_bypass(connection: AimedConnection, config: TenancyConfig) -> None:
    """Look at the role, and at the tables with policies.

    Raises:
        ConfigurationError: the role would see the rows of all tenants; with what to do.
    """
    role = literal(config.rls_role) if config.rls_role else "current_user"
    found = await connection.rows(_ROLE.format(role=role))
    if not found:
        raise ConfigurationError(
            f"rls_role names the role {config.rls_role!r}, which the database does not have"
        )
    _require_plain(*found[0])
    reached = shared_tables(config)
    for condition, told in ((_OWNED, _owned), (_OFF, _off)):
        tables = await connection.rows(
            _OPEN.format(role=role, condition=condition, reached=reached)
        )
        if tables:
            raise ConfigurationError(told(str(found[0][0]), [str(row[0]) for row in tables]))
    views = await connection.rows(views_sql(role, config.rls_column, reached))
    _require_none(str(found[0][0]), [view for view in open_views(views) if view.leaks])


def _require_plain(role: object, superuser: object, bypass: object, member: object) -> None:
    if superuser or bypass:
        what = "a superuser" if superuser else "allowed to bypass it (BYPASSRLS)"
        raise ConfigurationError(
            f"row-level security does not hold for the role {role!r}, which is {what}: every"
            " tenant would see the rows of all. Connect as an ordinary role (database_url), or"
            " name one that sessions take on (rls_role):"
            " CREATE ROLE app; GRANT it what the application may do, but not the list of tenants"
            " (the page on sessions says how, under 'row-level security')"
        )
    if not member:
        raise ConfigurationError(
            f"sessions are to take on the role {role!r} (rls_role), and the role that connects may"
            f" not: GRANT {role} TO the role of database_url"
        )


def _require_none(role: str, views: list[OpenView]) -> None:
    if views:
        others = _listed([view.name for view in views[1:]])
        raise ConfigurationError(
            f"row-level security does not hold for what the role {role!r} reads by a view:"
            f" {views[0].found}, and every tenant would see the rows of all. {views[0].mending}"
            + (f". The same goes for {others}" if others else "")
        )


def _owned(role: str, tables: list[str]) -> str:
    return (
        f"row-level security does not hold for the role {role!r}, which owns {_listed(tables)}"
        " (or has the rights of the owner): every tenant would see the rows of all. Either"
        f" ALTER TABLE {tables[0]} FORCE ROW LEVEL SECURITY, for each of them, or connect as a"
        " role that owns none (database_url), or name one that sessions take on (rls_role)"
    )


def _off(role: str, tables: list[str]) -> str:
    return (
        f"the policies of {_listed(tables)} do not hold for the role {role!r} or any other, because"
        f" row-level security is off: ALTER TABLE {tables[0]} ENABLE ROW LEVEL SECURITY"
    )


def _listed(tables: list[str]) -> str:
    """Up to five names."""
    return ", ".join(tables[:5]) + (" and others" if len(tables) > 5 else "")
