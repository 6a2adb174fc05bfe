"""Settings: where the list of tenants is, and where tenants live."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.values import Names, Template, Url
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl

DEFAULT_CATALOGUE = DatabaseUrl("sqlite:///tenancy.db")
"""Where the list of tenants is when no database is configured at all."""


def _default_catalogue(values: dict[str, Any]) -> DatabaseUrl:
    return values["database_url"] or DEFAULT_CATALOGUE


class TenantSettings(BaseModel):
    """Which tenants there are, and how and where they are kept apart."""

    database_url: Url | None = Field(
        default=None,
        description="The database the tenants live in; drivers and passwords are kept as given.",
    )
    catalogue_url: Url = Field(
        default_factory=_default_catalogue,
        description="The database of the list of tenants; by default database_url, and"
        " sqlite:///tenancy.db without one.",
    )
    tenants_query: str | None = Field(
        default=None,
        min_length=1,
        description="SQL over the project's own tables that gives the tenants: identifier, and"
        " where wanted id, name, schema_name, database_url, isolation_strategy, host,"
        " shard, status, tags (JSON).",
    )
    schema_pattern: str | None = Field(
        default=None,
        min_length=1,
        description="Every schema LIKE this pattern is a tenant: tenant_%. `_` stands for any"
        r" one character; write `\_` for an underscore.",
    )
    isolation_strategy: IsolationStrategy = Field(
        default=IsolationStrategy.SCHEMA,
        description="How tenants are kept apart: schema, database, rls or hybrid.",
    )
    premium_isolation_strategy: IsolationStrategy = Field(
        default=IsolationStrategy.DATABASE,
        description="Of hybrid: how the tenants in premium_tenants are kept apart.",
    )
    standard_isolation_strategy: IsolationStrategy = Field(
        default=IsolationStrategy.SCHEMA,
        description="Of hybrid: how others are kept apart, unless they say it themselves.",
    )
    premium_tenants: Names = Field(
        default=(), description="Of hybrid: identifiers or ids, separated by commas."
    )
    database_url_template: Template | None = Field(
        default=None,
        description="The URL of a tenant's own database, with {identifier}, {tenant_id} or"
        " {database_name} (schema_prefix and identifier) in it.",
    )
    schema_prefix: str = Field(
        default="tenant_",
        max_length=62,
        pattern=r"\A[^\x00]*\z",
        description="A tenant without a schema_name lives in this prefix and its identifier.",
    )
    search_path_extra: Names = Field(
        default=("public",),
        description="Schemas searched after the tenant's own, separated by commas.",
    )

    @property
    def strategies(self) -> frozenset[IsolationStrategy]:
        """The strategies of the fleet, but for tenants that have one of their own."""
        if self.isolation_strategy is IsolationStrategy.HYBRID:
            return frozenset((self.premium_isolation_strategy, self.standard_isolation_strategy))
        return frozenset((self.isolation_strategy,))

    @model_validator(mode="after")
    def _hybrid_of_others(self) -> TenantSettings:
        for name in ("premium_isolation_strategy", "standard_isolation_strategy"):
            if getattr(self, name) is IsolationStrategy.HYBRID:
                raise PydanticCustomError(
                    "strategy",
                    "{name} is 'hybrid'; expected one of the strategies that a hybrid is made of:"
                    " schema, database or rls",
                    {"name": name},
                )
        return self

    @model_validator(mode="after")
    def _one_list_of_tenants(self) -> TenantSettings:
        if self.tenants_query is not None and self.schema_pattern is not None:
            raise PydanticCustomError(
                "catalogue",
                "tenants_query and schema_pattern are both set; the list of tenants comes from"
                " one of them. Remove the other",
            )
        return self
