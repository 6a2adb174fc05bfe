"""A tenant as the admin router takes it and shows it; a password is never shown."""

# No `from __future__ import annotations`: pydantic reads the annotations.

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr

from fastapi_tenancy.migrations.standing import Stand
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.model.url import accepted, shown_url
from fastapi_tenancy.web.admin.documents.words import Asked, Given, Host, Slug, Tags, Text, Word

_URL = r"^(postgres|postgresql|sqlite)(\+[a-z0-9]+)?://[^\x00]*$"


class NewTenant(Asked):
    """A tenant to be created. What is left out follows from the settings."""

    identifier: Annotated[Slug, Field(description="The name people use.", examples=["acme"])]
    id: Annotated[Slug | None, Field(description="The key of the row; made up without it.")] = None
    name: Annotated[Text, Field(description="Its name for people.")] = ""
    tags: Annotated[Tags, Field(description="For choosing tenants.")] = {}  # noqa: RUF012
    schema_name: Annotated[
        Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00]+$")] | None,
        Field(description="Its schema, if not the usual one."),
    ] = None
    database_url: Annotated[
        Annotated[SecretStr, Field(max_length=2000, json_schema_extra={"pattern": _URL})] | None,
        Field(description="Its database, if it has one of its own."),
    ] = None
    isolation_strategy: Annotated[
        Literal["schema", "database", "rls"] | None,
        Field(description="How it is kept apart, where the fleet is hybrid."),
    ] = None
    host: Annotated[Host | None, Field(description="The name its requests come in by.")] = None
    shard: Annotated[
        Word | None, Field(description="The server it lives on; the least full one without it.")
    ] = None

    def tenant(self, made_up_id: str) -> Tenant:
        """The tenant, with an id that was made up where none was said.

        Raises:
            ConfigurationError: its database_url is none.
        """
        url, strategy = self.database_url, self.isolation_strategy
        return Tenant(
            id=self.id or made_up_id,
            identifier=self.identifier,
            name=self.name,
            status=TenantStatus.PROVISIONING,
            tags=self.tags,
            schema_name=self.schema_name,
            database_url=None if url is None else accepted(url.get_secret_value()),
            isolation_strategy=None if strategy is None else IsolationStrategy(strategy),
            host=self.host,
            shard=self.shard,
        )


class TenantDocument(Given):
    """A tenant of the catalogue; the password of its database_url is masked."""

    id: str
    identifier: str
    name: str
    status: TenantStatus
    tags: dict[str, str]
    schema_name: str | None
    database_url: str | None
    isolation_strategy: IsolationStrategy | None
    host: str | None
    shard: str | None
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """What is shown of a tenant."""
        return cls(
            id=tenant.id,
            identifier=tenant.identifier,
            name=tenant.name,
            status=tenant.status,
            tags=dict(tenant.tags),
            schema_name=tenant.schema_name,
            database_url=tenant.database_url and shown_url(tenant.database_url),
            isolation_strategy=tenant.isolation_strategy,
            host=tenant.host,
            shard=tenant.shard,
            created_at=tenant.created_at,
            updated_at=tenant.updated_at,
        )


class StandDocument(Given):
    """Where a tenant stands in one history; several heads are joined by commas."""

    track: Annotated[str | None, Field(description="null where the project has one history.")]
    state: PositionState
    current_revision: str | None
    head_revision: str | None
    is_up_to_date: bool
    half_done: Annotated[
        str | None, Field(description="A revision that an interrupted run left half done.")
    ]
    problem: Annotated[str | None, Field(description="Why it cannot be read.")]

    @classmethod
    def of(cls, stand: Stand) -> Self:
        """What is shown of where a tenant stands."""
        return cls(
            track=stand.track or None,
            state=stand.state,
            current_revision=stand.current,
            head_revision=stand.wanted,
            is_up_to_date=stand.there,
            half_done=stand.half_done,
            problem=stand.problem,
        )


class StandingTenant(TenantDocument):
    """A tenant, and where it stands in each history."""

    migrations: list[StandDocument]


class TenantPage(Given):
    """Some tenants, in the order of the catalogue."""

    items: list[TenantDocument]
    total: Annotated[int, Field(description="How many there are of what was asked for.")]
    skip: int
    limit: int
