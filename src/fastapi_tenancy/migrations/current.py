"""`current_tenant()`: whose migration this is, for revisions that are not for everybody."""

from __future__ import annotations

from functools import lru_cache

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.history.ambient import environment
from fastapi_tenancy.history.identity import current_identity
from fastapi_tenancy.isolation.place import place as place_of
from fastapi_tenancy.migrations.fleet import in_own_loop
from fastapi_tenancy.migrations.lookup import require_one_shard
from fastapi_tenancy.migrations.rivals import place_in
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import TargetKey
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.opening import complete, open_isolation, open_store


def current_tenant() -> Tenant:
    """The tenant whose schema is being migrated.

    In fleet commands the engine knows it. Under plain Alembic it is looked up in the catalogue
    by ``-x tenant=IDENTIFIER`` (an identifier, id or schema name), ``-x schema=SCHEMA`` or
    ``-x url=URL``.

    Raises:
        ConfigurationError: plain Alembic was run without either argument.
        TenantNotFoundError: the catalogue has no such tenant.
    """
    identity = current_identity()
    if identity is not None:
        return identity.tenant()
    for key in ("tenant", "schema", "url"):
        wanted = _said(key)
        if wanted is not None:
            return _looked_up(key, wanted, _said("url"))
    raise ConfigurationError(
        "current_tenant() was called where no tenant is known. Under plain Alembic, name one:"
        " alembic -x tenant=IDENTIFIER upgrade head"
    )


def _said(key: str) -> str | None:
    """What stands after ``-x``, or else in ``config.attributes``."""
    try:
        running = environment()
    except NameError:
        return None
    value = running.get_x_argument(as_dictionary=True).get(key)
    value = value or running.config.attributes.get(key)
    return str(value) if value else None


@lru_cache(maxsize=64)
def _looked_up(key: str, wanted: str, url: str | None) -> Tenant:
    config = complete(TenancyConfig())
    isolation = open_isolation(config)
    everybody = Selection(statuses=frozenset(TenantStatus))
    tenants = in_own_loop(open_store(config), isolation)(everybody)
    if key == "tenant":
        for tenant in tenants:
            if wanted in (tenant.identifier, tenant.id):
                return tenant
    place, whole = place_in(isolation), (place_of(wanted), "") if key == "url" else None
    found = []
    for tenant in tenants:
        lives = place(tenant)
        if lives is not None and (lives == whole or lives[1] == wanted):
            found.append(tenant)
    if not found:
        raise TenantNotFoundError(masked(wanted))
    if key == "url":
        return found[0]
    here = [tenant for tenant in found if _is_at(place(tenant), url)]
    require_one_shard(here or found, wanted)
    return (here or found)[0]


def _is_at(lives: TargetKey | None, url: str | None) -> bool:
    return lives is not None and url is not None and lives[0] == place_of(url)
