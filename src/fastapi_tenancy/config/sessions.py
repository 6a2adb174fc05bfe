"""Settings: the sessions of the application, each of which sees one tenant."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.values import Count, no_yes_or_no
from fastapi_tenancy.model.session import SchemaAccess, TenantField
from fastapi_tenancy.model.timeout import LONGEST_S

_SETTING = r"\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+\z"


class SessionSettings(BaseModel):
    """How tenants' sessions find their tables, and how many connections they may have."""

    session_schema: SchemaAccess = Field(
        default=SchemaAccess.SEARCH_PATH,
        description="Of schema: how sessions find the tenant's tables: search_path, or"
        " schema_translate_map (SQLAlchemy writes the schema into statements).",
    )
    session_pool_size: Count = Field(
        default=5, description="Connections a database's pool keeps open while nobody uses them."
    )
    session_max_overflow: Annotated[int, Field(ge=0), BeforeValidator(no_yes_or_no)] = Field(
        default=10, description="Connections a database's pool may open on top of these."
    )
    session_pool_timeout_s: Annotated[float, BeforeValidator(no_yes_or_no)] = Field(
        default=30,
        gt=0,
        le=LONGEST_S,
        allow_inf_nan=False,
        description="Seconds a session waits for a free connection.",
    )
    session_connections: Count = Field(
        default=20,
        description="Connections this process may have open to one server, for the sessions of"
        " all its databases together.",
    )
    session_engines: Count = Field(
        default=50,
        description="Databases whose pools stay open; of others, the one that was unused longest"
        " is closed.",
    )
    rls_setting: str = Field(
        default="app.tenant_id",
        max_length=63,
        pattern=_SETTING,
        description="Of rls: the PostgreSQL setting that the policies compare with.",
    )
    rls_field: TenantField = Field(
        default=TenantField.ID,
        description="Of rls: what of the tenant the setting holds: id or identifier.",
    )
    rls_role: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        pattern=r"\A[^\x00]*\z",
        description="Of rls: the role that sessions take on (SET LOCAL ROLE), if not that of the"
        " URL.",
    )

    @model_validator(mode="after")
    def _pool_fits_the_server(self) -> SessionSettings:
        most = self.session_pool_size + self.session_max_overflow
        if most > self.session_connections:
            raise PydanticCustomError(
                "connections",
                "session_pool_size and session_max_overflow come to {most} connections for one"
                " database, session_connections allows {allowed} for its whole server. Raise"
                " session_connections, or lower the others",
                {"most": most, "allowed": self.session_connections},
            )
        return self
