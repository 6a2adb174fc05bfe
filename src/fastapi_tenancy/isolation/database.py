"""A database per tenant: of its own URL, by a template, or beside the configured one."""

from __future__ import annotations

import re

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.isolation.place import file_of, place, url_of_file
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.template import filled
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import (
    DatabaseUrl,
    address_of,
    database_of,
    is_postgresql,
    with_database,
)

_OUTSIDE = re.compile(r"[^a-z0-9_]")


class DatabaseIsolationProvider:
    """Tenants with a PostgreSQL database or an SQLite file each."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def target(self, tenant: Tenant) -> Target:
        """The tenant's database.

        Raises:
            PlacementError: its name cannot be used, or it is the database of everybody.
        """
        try:
            url = self.url_of(tenant)
            where = place(url) if url else ""
        except ConfigurationError as error:
            raise PlacementError(f"its database cannot be named: {error}") from error
        if url:
            self._refuse_common(url, where)
        address = address_of(url) if url else DatabaseUrl("")
        return Target("", (tenant,), where, address, IsolationStrategy.DATABASE)

    def url_of(self, tenant: Tenant) -> DatabaseUrl | None:
        """The URL of the tenant's database; None where nothing says where databases are.

        Raises:
            ConfigurationError: it cannot be a database URL.
        """
        if tenant.database_url is not None:
            return tenant.database_url
        config = self._config
        name = config.schema_prefix + _OUTSIDE.sub("_", tenant.identifier.lower())
        if config.database_url_template is not None:
            return filled(
                config.database_url_template,
                identifier=tenant.identifier,
                tenant_id=tenant.id,
                database_name=name,
            )
        if config.database_url is None:
            return None
        if is_postgresql(config.database_url):
            return with_database(config.database_url, name)
        common = file_of(config.database_url)
        return url_of_file(common.with_name(f"{name}.db")) if common else None

    def search_path(self, target: Target) -> str:  # noqa: ARG002 - as in every strategy
        """Empty: a database has a search path of its own."""
        return ""

    def create_sql(self, target: Target) -> str:
        """``CREATE DATABASE``, for a connection to another database of the server."""
        return f"CREATE DATABASE {quote(database_of(target.address))}"

    def shared_schemas(self) -> tuple[str, ...]:
        """None: nothing of a tenant's database is anybody else's."""
        return ()

    def _refuse_common(self, url: DatabaseUrl, where: str) -> None:
        common = self._config.database_url
        if not where:
            raise PlacementError("its database is in memory and gone when the run ends")
        if common is not None and place(common) == where:
            raise PlacementError(
                f"its database {where} is the one at database_url, which is everybody's; give it"
                " one of its own (database_url of the tenant, or database_url_template)"
            )
        if is_postgresql(url):
            quote(database_of(url))
