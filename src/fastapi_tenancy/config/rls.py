"""Settings: how the rows of tables that tenants share are told apart."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

RLS_COLUMN = "tenant_id"
RLS_SETTING = "app.tenant_id"
_SETTING = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
"""What PostgreSQL takes for a setting of one's own: names joined by dots, one at least."""


def usable_setting(name: str) -> bool:
    """True where PostgreSQL lets anybody set and read a setting of this name."""
    return _SETTING.fullmatch(name) is not None


class RlsSettings(BaseModel):
    """The column that says whose a row is; sessions have the settings of whoever asks."""

    rls_column: str = Field(
        default=RLS_COLUMN,
        min_length=1,
        description="Of rls: a table with this column holds rows of several tenants"
        " ([row-level security](rls.md)).",
    )

    @field_validator("rls_column")
    @classmethod
    def _short_enough(cls, name: str) -> str:
        if "\x00" in name or len(name.encode()) > 63:
            raise PydanticCustomError(
                "identifier", "expected a name that PostgreSQL can hold, of 63 bytes at most"
            )
        return name
