"""Every setting with its default, read from arguments, the environment and the project's files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Engine, ProofLevel
from fastapi_tenancy.model.template import usable_template
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.timeout import LONGEST_S
from fastapi_tenancy.model.url import DatabaseUrl, accepted
from fastapi_tenancy.settings import (
    FILES,
    settings_in,
    settings_of,
    shown,
    unknown,
    working_directory,
)

DEFAULT_CATALOGUE = DatabaseUrl("sqlite:///tenancy.db")
"""Where the list of tenants is when no database is configured at all."""
_PREFIX = "TENANCY_"


def _url(value: object) -> DatabaseUrl:
    if not isinstance(value, str):
        raise PydanticCustomError("database_url", "expected a database URL as text")
    try:
        return accepted(value.strip())
    except ConfigurationError as exc:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(exc)}) from None


def _no_yes_or_no(value: object) -> object:
    if isinstance(value, bool):  # which pydantic would take for 1 or 0
        raise PydanticCustomError("number", "expected a number")
    return value


def _default_catalogue(values: dict[str, Any]) -> DatabaseUrl:
    return values["database_url"] or DEFAULT_CATALOGUE


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise PydanticCustomError("names", "expected names separated by commas") from None
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _without_nul(names: tuple[str, ...]) -> tuple[str, ...]:
    if any("\x00" in name for name in names):
        raise PydanticCustomError(
            "names", "expected names PostgreSQL can hold; take the NUL character out"
        )
    return names


def _template(value: object) -> DatabaseUrl:
    if not isinstance(value, str):
        raise PydanticCustomError("database_url", "expected a database URL as text")
    try:
        return usable_template(value.strip())
    except ConfigurationError as exc:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(exc)}) from None


Url = Annotated[DatabaseUrl, PlainValidator(_url)]
Template = Annotated[DatabaseUrl, PlainValidator(_template)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names), AfterValidator(_without_nul)]
Seconds = Annotated[
    float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False), BeforeValidator(_no_yes_or_no)
]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_yes_or_no)]


class TenancyConfig(BaseSettings):
    """The settings of a project; ``TenancyConfig()`` works where nothing is configured.

    The first of these that names a setting decides: arguments (None is the same as not given),
    ``TENANCY_*`` environment variables, then ``tenancy.toml`` and ``[tool.tenancy]`` of
    ``pyproject.toml`` in the working directory (which may not contradict each other).

    Raises:
        ConfigurationError: an unknown setting, or a value that cannot be used; passwords masked.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

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
        " where wanted id, name, schema_name, database_url, isolation_strategy, status, tags"
        " (JSON).",
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
    alembic_ini: Path = Field(
        default=Path("alembic.ini"), description="The Alembic project's ini file."
    )
    alembic_section: str = Field(
        default="alembic",
        min_length=1,
        description="The section of the ini file (alembic --name).",
    )
    concurrency: Count = Field(
        default=10, description="Tenants migrated at the same time, one connection each."
    )
    lock_timeout_s: Seconds | None = Field(
        default=None, description="Seconds a statement may wait for a lock; 0 waits for ever."
    )
    statement_timeout_s: Seconds | None = Field(
        default=None, description="Seconds a statement may run; 0 lets it run for ever."
    )
    connect_timeout_s: Annotated[float, BeforeValidator(_no_yes_or_no)] = Field(
        default=10,
        gt=0,
        allow_inf_nan=False,
        description="Seconds a server may take to answer a new connection.",
    )
    engine: Engine = Field(
        default=Engine.AUTO, description="The roads a run may take: auto, replay, live or env."
    )
    proof: ProofLevel = Field(
        default=ProofLevel.SAMPLE,
        description="Whose structure is read back beside the revision: revision (nobody's),"
        " sample or all.",
    )
    recycle_after: Count = Field(
        default=500, description="Targets a connection serves before it is replaced."
    )

    def __init__(self, **values: Any) -> None:
        given = {key: value for key, value in values.items() if value is not None}
        try:
            super().__init__(**given)
        except ValidationError as exc:
            # `from None`: pydantic's own error would show the values, passwords included.
            problems = [_problem(error, given) for error in exc.errors(include_url=False)]
            raise ConfigurationError("\n".join(filter(None, problems))) from None

    @model_validator(mode="after")
    def _hybrid_of_others(self) -> TenancyConfig:
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
    def _one_list_of_tenants(self) -> TenancyConfig:
        if self.tenants_query is not None and self.schema_pattern is not None:
            raise PydanticCustomError(
                "catalogue",
                "tenants_query and schema_pattern are both set; the list of tenants comes from"
                " one of them. Remove the other",
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files of the working directory."""
        files = settings_of(working_directory(), frozenset(cls.model_fields))
        return init_settings, env_settings, InitSettingsSource(settings_cls, files)


def _problem(error: ErrorDetails, arguments: dict[str, Any]) -> str:
    if error["type"] == "default_factory_not_called":
        return ""  # catalogue_url could not follow a database_url that has its own problem
    key = str(error["loc"][0]) if error["loc"] else ""
    if not key:
        return error["msg"]
    if error["type"] == "extra_forbidden":
        return unknown(key, "an argument", frozenset(TenancyConfig.model_fields))
    where = _where(key, arguments)
    if error["type"] == "database_url":
        return f"{where}: {error['msg']}"
    return f"{where} is {shown(error['input'])}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _where(key: str, arguments: dict[str, Any]) -> str:
    if key in arguments:
        return f"the argument {key}"
    variable = next((v for v in os.environ if v.upper() == _PREFIX + key.upper()), None)
    if variable and os.environ[variable]:
        return f"the environment variable {variable}"
    folder, known = working_directory(), frozenset(TenancyConfig.model_fields)
    if key in settings_in(folder / FILES[0], known):
        return f"{key} in tenancy.toml"
    if key in settings_in(folder / FILES[1], known):
        return f"{key} in [tool.tenancy] of pyproject.toml"
    return key
