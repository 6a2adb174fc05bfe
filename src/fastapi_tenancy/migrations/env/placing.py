"""Where the migrations of one call of env.py run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.names import tenant_schema
from fastapi_tenancy.isolation.place import place as place_of
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.migrations.env.asking import Asked
from fastapi_tenancy.migrations.lookup import find_target
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import address_of, is_postgresql
from fastapi_tenancy.opening import complete
from fastapi_tenancy.storage.baselines import BASELINES
from fastapi_tenancy.storage.leases import LEASES
from fastapi_tenancy.storage.table import TENANTS

_NOBODY = Tenant(id="", identifier="")
"""The tenant of shared tables, where nobody is named."""


@dataclass(frozen=True, slots=True)
class Place:
    """A schema of a database, or a database.

    ``address`` is a URL for libpq, or SQLAlchemy's of an SQLite file; ``schema`` and the quoted
    ``search_path`` are empty for a whole database; ``target`` is that of a tenant of the
    catalogue, and None where the place itself was named.
    """

    address: str
    schema: str = ""
    search_path: str = ""
    target: Target | None = None

    @property
    def postgresql(self) -> bool:
        """False for an SQLite file."""
        return is_postgresql(self.address)

    @property
    def name(self) -> str:
        """For people; without a password."""
        return f"schema {self.schema}" if self.schema else f"database {place_of(self.address)}"


def settings(alembic: Config) -> TenancyConfig:
    """The settings of the project that Alembic was started in.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    file = alembic.config_file_name
    config = TenancyConfig(
        alembic_ini=Path(file) if file else None, alembic_section=alembic.config_ini_section
    )
    return complete(config, alembic)


def place_named(asked: Asked, config: TenancyConfig) -> Place:
    """The place that ``-x`` names: the tenant's, or the schema or database itself.

    Raises:
        ConfigurationError: there is no such place, or it is everybody's.
    """
    if asked.schema:
        _refuse_several(asked, config)
        url = asked.url or config.database_url
        target = Target(tenant_schema(asked.schema), (), address=address_of(url) if url else "")
        return placed(target, config, known=False)
    if asked.tenant and not (asked.url and _has_no_schemas(asked.url, config)):
        place = placed(find_target(config, asked.tenant), config)
        if not asked.url:
            return place
        return Place(address_of(asked.url), place.schema, place.search_path, place.target)
    if not asked.url:
        raise ConfigurationError("no tenant was named")
    _refuse_common(asked.url, config)
    return Place(address_of(asked.url))


def _refuse_several(asked: Asked, config: TenancyConfig) -> None:
    """A schema of that name may be on each server."""
    if config.shards and not asked.url:
        raise ConfigurationError(
            f"-x schema={asked.schema} does not say on which server: the settings have the shards"
            f" {', '.join(config.shards)}. Say which tenant is meant (-x tenant=IDENTIFIER), or its"
            " database too (-x url=URL). Nothing was changed"
        )


def placed(target: Target, config: TenancyConfig, *, known: bool = True) -> Place:
    """The place of a target.

    Raises:
        ConfigurationError: nothing says which database it is in.
    """
    require_reachable(target)
    path = SchemaIsolationProvider(config).search_path(target) if target.schema else ""
    return Place(target.address, target.schema, path, target if known else None)


def shared_place(config: TenancyConfig) -> Place | None:
    """The one place of all tenants, where they share their tables; otherwise None."""
    if config.isolation_strategy is not IsolationStrategy.RLS:
        return None
    return placed(RLSIsolationProvider(config).target(_NOBODY), config, known=False)


def catalogue_tables(place: Place, config: TenancyConfig) -> frozenset[str]:
    """Tables of this package that are kept in this very place: the list of tenants and its like."""
    if place_of(config.catalogue_url) != place_of(place.address):
        return frozenset()
    elsewhere = config.tenants_query is not None or config.schema_pattern is not None
    ours = (LEASES.name, BASELINES.name)
    return frozenset(ours if elsewhere else (*ours, TENANTS.name))


def _has_no_schemas(url: str, config: TenancyConfig) -> bool:
    """True where a tenant's database is a whole one."""
    return not is_postgresql(url) or config.isolation_strategy is not IsolationStrategy.SCHEMA


def _refuse_common(url: str, config: TenancyConfig) -> None:
    """Keep tenants' tables out of the schema that everybody sees."""
    if IsolationStrategy.RLS in config.strategies:
        return
    common = {home.place for home in Homes(config)}
    if not _has_no_schemas(url, config) or place_of(url) in common:
        raise ConfigurationError(
            f"-x url= names the database {place_of(url)}, where tenants share what lies outside of"
            " their schemas; say which tenant is meant (-x tenant=IDENTIFIER), or its schema (-x"
            " schema=SCHEMA). Nothing was changed"
        )
