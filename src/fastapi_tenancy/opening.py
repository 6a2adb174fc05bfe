"""The composition root: the only place that names concrete stores and strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alembic.config import Config

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.files import project_files
from fastapi_tenancy.history.scripts import load_config
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.isolation.hybrid import HybridIsolationProvider
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.storage.pattern import SchemaPatternTenantStore
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.storage.query import QueryTenantStore
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

_STRATEGIES: Mapping[IsolationStrategy, Callable[[TenancyConfig], IsolationProvider]] = {
    IsolationStrategy.SCHEMA: SchemaIsolationProvider,
    IsolationStrategy.DATABASE: DatabaseIsolationProvider,
    IsolationStrategy.RLS: RLSIsolationProvider,
    IsolationStrategy.HYBRID: HybridIsolationProvider,
}
_PLACEHOLDER = "driver://"
"""What `alembic init` writes as sqlalchemy.url until somebody fills it in."""


def complete(config: TenancyConfig, alembic: Config | None = None) -> TenancyConfig:
    """Fill in a missing ``database_url`` with the ``sqlalchemy.url`` of the Alembic project.

    Where there are shards it stays missing: what an ini file names is no home for a tenant that
    nobody gave a shard.

    Args:
        alembic: the project where it is loaded already, by Alembic's own command for instance.

    Raises:
        ConfigurationError: the Alembic project has a URL that cannot be used.
    """
    known = config.database_url is not None or config.shards
    if known or not (alembic or any(project_files(config.alembic_ini))):
        return config
    try:
        alembic = alembic or load_config(config.alembic_ini, config.alembic_section)
    except ConfigurationError:
        if config.tracks:  # each names its own section: this one need not be there
            return config
        raise
    url = alembic.get_alembic_option("sqlalchemy.url")
    if not url or url.startswith(_PLACEHOLDER):
        return config
    given = {name: getattr(config, name) for name in config.model_fields_set}
    return TenancyConfig(**{**given, "database_url": url})


def open_store(config: TenancyConfig) -> TenantStore:
    """The catalogue that the configuration names: a query, a pattern, or a table of our own.

    Raises:
        ConfigurationError: a query or pattern without a database to use it on.
    """
    timeout, keys = config.connect_timeout_s, config.encryption_keys
    if config.tenants_query is not None:
        return QueryTenantStore(
            config.catalogue_url,
            config.tenants_query,
            connect_timeout_s=timeout,
            encryption_keys=keys,
        )
    if config.schema_pattern is not None:
        if config.database_url is None:
            raise ConfigurationError(
                "schema_pattern looks for schemas in the database at database_url, which is not"
                " set (TENANCY_DATABASE_URL, tenancy.toml, or sqlalchemy.url in alembic.ini)"
            )
        return SchemaPatternTenantStore(
            config.database_url, config.schema_pattern, connect_timeout_s=timeout
        )
    return SQLAlchemyTenantStore(
        config.catalogue_url, connect_timeout_s=timeout, encryption_keys=keys
    )


def open_isolation(config: TenancyConfig) -> IsolationProvider:
    """The strategy that the configuration names."""
    return _STRATEGIES[config.isolation_strategy](config)
