"""The table of settings as the documentation has to show it, made from the settings themselves."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fastapi_tenancy import TenancyConfig

HEAD = ("| setting | environment | default | meaning |", "|---|---|---|---|")


def settings_table() -> str:
    """Every setting with its environment variable, default and description."""
    rows = [
        f"| `{name}` | `TENANCY_{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in TenancyConfig.model_fields.items()
    ]
    return "\n".join([*HEAD, *rows])


def _default(field: FieldInfo) -> str:
    return "none" if field.default_factory is dict else _shown(field.default)


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    if default is PydanticUndefined:
        return "`database_url`"
    if isinstance(default, Enum):
        default = default.value
    return f"`{', '.join(default) if isinstance(default, tuple) else default}`"
