"""What the command line says of a new tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from fastapi_tenancy.cli.arguments import pairs
from fastapi_tenancy.model.tenant import Tenant, TenantStatus


@dataclass(frozen=True, slots=True)
class Described:
    """The options of a new tenant."""

    id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Its id; made up otherwise.")
    ] = None
    display_name: Annotated[str, typer.Option(metavar="NAME", help="Its name for people.")] = ""
    schema: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its schema, if not the usual one.")
    ] = None
    tenant_database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Its database, if it has one of its own.")
    ] = None
    isolation_strategy: Annotated[
        str | None,
        typer.Option(
            metavar="STRATEGY", help="schema, database or rls, where the fleet is hybrid."
        ),
    ] = None
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="The host its requests come in by.")
    ] = None
    shard: Annotated[str | None, typer.Option(metavar="NAME", help="The shard it lives on.")] = None
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A tag; repeatable.")
    ] = None

    def tenant(self, identifier: str, key: str, status: TenantStatus) -> Tenant:
        """The tenant, with an id that was made up where none was said.

        Raises:
            ConfigurationError: a value that no tenant can have.
            typer.BadParameter: a tag without ``=``, or two values of one.
        """
        from fastapi_tenancy.cli.tenants.entries import own_strategy, own_url
        from fastapi_tenancy.storage.names import check_host

        url, strategy = self.tenant_database_url, self.isolation_strategy
        return Tenant(
            id=key if self.id is None else self.id,
            identifier=identifier,
            name=self.display_name,
            status=status,
            tags=pairs("--tag", self.tag),
            schema_name=self.schema,
            database_url=None if url is None else own_url(url),
            isolation_strategy=None if strategy is None else own_strategy(strategy),
            host=None if self.host is None else check_host(self.host.lower()),
            shard=self.shard,
        )
