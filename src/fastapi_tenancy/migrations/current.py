"""`current_tenant()`: whose migration this is, for revisions that are not for everybody."""

from __future__ import annotations

from functools import lru_cache

from alembic import context

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.history.identity import current_identity
from fastapi_tenancy.manager import complete, open_isolation, open_store
from fastapi_tenancy.migrations.fleet import in_own_loop
from fastapi_tenancy.migrations.rivals import place_in
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus


def current_tenant() -> Tenant:
    """The tenant whose schema is being migrated.

    In fleet commands the engine knows it. Under plain Alembic it is looked up in the catalogue
    by ``-x tenant=IDENTIFIER`` (an identifier, id or schema name) or ``-x schema=SCHEMA``.

    Raises:
        ConfigurationError: plain Alembic was run without either argument.
        TenantNotFoundError: the catalogue has no such tenant.
    """
    identity = current_identity()
    if identity is not None:
        return identity.tenant()
    try:
        given = context.get_x_argument(as_dictionary=True)
    except NameError:
        given = {}
    wanted = given.get("tenant") or given.get("schema")
    if not wanted:
        raise ConfigurationError(
            "current_tenant() was called where no tenant is known. Under plain Alembic, name one:"
            " alembic -x tenant=IDENTIFIER upgrade head"
        )
    return _looked_up(str(wanted))


@lru_cache(maxsize=64)
def _looked_up(wanted: str) -> Tenant:
    config = complete(TenancyConfig())
    isolation = open_isolation(config)
    everybody = Selection(statuses=frozenset(TenantStatus))
    tenants = in_own_loop(open_store(config), isolation)(everybody)
    for tenant in tenants:
        if wanted in (tenant.identifier, tenant.id):
            return tenant
    place = place_in(isolation)
    for tenant in tenants:
        if wanted in (place(tenant) or ()):
            return tenant
    raise TenantNotFoundError(wanted)
