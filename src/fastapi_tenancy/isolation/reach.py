"""Refuses what cannot be connected to before anybody tries."""

from __future__ import annotations

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy


def require_reachable(target: Target) -> None:
    """Refuse a target without an address, or with one its strategy cannot use.

    Raises:
        ConfigurationError: no database_url is configured, or one of the wrong kind.
    """
    if not target.address:
        raise ConfigurationError(
            "no database_url: set TENANCY_DATABASE_URL, or database_url in tenancy.toml, or"
            " sqlalchemy.url in alembic.ini, e.g. postgresql://user:password@host/database"
        )
    if target.is_file and target.strategy is not IsolationStrategy.DATABASE:
        rls = target.strategy is IsolationStrategy.RLS
        wanted = "row-level security" if rls else "a schema per tenant"
        raise ConfigurationError(
            f"{wanted} needs PostgreSQL, but its URL is {target.address!r}."
            " With SQLite, every tenant has a file of its own: isolation_strategy = 'database'"
        )
