"""Whom the models are compared with where nobody says it."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.migrations.at_head import standing_at_head
from fastapi_tenancy.migrations.fleet import Fleet, in_own_loop
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.opening import open_isolation, open_store


def tenant_at_head(config: TenancyConfig, own: tuple[str, ...]) -> Target:
    """The first tenant that stands at head, whom plain Alembic compares with.

    Args:
        own: the project's own ``-x`` arguments.

    Raises:
        ConfigurationError: there is none.
    """
    isolation = open_isolation(config)
    fleet = Fleet(config, in_own_loop(open_store(config), isolation), isolation)
    return standing_at_head(fleet, fleet.history(), None, own)
