"""A database per tenant: of its own URL, by a template, or beside that of its server."""

from __future__ import annotations

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.derived import derived_name
from fastapi_tenancy.isolation.homes import Homes
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


class DatabaseIsolationProvider:
    """Tenants with a PostgreSQL database or an SQLite file each."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        self._homes = Homes(config)
        self._common = {home.place: home.setting for home in self._homes}

    @property
    def config(self) -> TenancyConfig:
        """The configuration it was made of."""
        return self._config

    def target(self, tenant: Tenant) -> Target:
        """The tenant's database.

        Raises:
            PlacementError: its name cannot be used, its shard is none, or it is the database of
                everybody.
        """
        try:
            url = self.url_of(tenant)
            where = place(url) if url else ""
        except PlacementError:
            raise
        except ConfigurationError as error:
            raise PlacementError(f"its database cannot be named: {error}") from error
        if url:
            self._refuse_common(url, where)
        address = address_of(url) if url else DatabaseUrl("")
        return Target("", (tenant,), where, address, IsolationStrategy.DATABASE)

    def url_of(self, tenant: Tenant) -> DatabaseUrl | None:
        """The URL of the tenant's database; None where nothing says where databases are.

        Raises:
            ConfigurationError: it cannot be a database URL, or the tenant's shard is none.
        """
        if tenant.database_url is not None:
            return tenant.database_url
        home = self._homes.of(tenant)
        name = self._config.schema_prefix + derived_name(tenant.identifier)
        if home.template is not None:
            return filled(
                home.template,
                identifier=tenant.identifier,
                tenant_id=tenant.id,
                database_name=name,
            )
        if not home.url:
            return None
        if is_postgresql(home.url):
            return with_database(home.url, name)
        common = file_of(home.url)
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
        if not where:
            raise PlacementError("its database is in memory and gone when the run ends")
        if where in self._common:
            raise PlacementError(
                f"its database {where} is the one at {self._common[where]}, which is everybody's;"
                " give it one of its own (database_url of the tenant, or database_url_template)"
            )
        if is_postgresql(url):
            quote(database_of(url))
