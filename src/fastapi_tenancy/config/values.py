"""The kinds of values that settings have; what cannot be one is refused in words."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.template import usable_template
from fastapi_tenancy.model.timeout import LONGEST_S
from fastapi_tenancy.model.url import DatabaseUrl, accepted


def _url(value: object) -> DatabaseUrl:
    if not isinstance(value, str):
        raise PydanticCustomError("database_url", "expected a database URL as text")
    try:
        return accepted(value.strip())
    except ConfigurationError as exc:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(exc)}) from None


def no_yes_or_no(value: object) -> object:
    if isinstance(value, bool):  # which pydantic would take for 1 or 0
        raise PydanticCustomError("number", "expected a number")
    return value


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
    float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False), BeforeValidator(no_yes_or_no)
]
Count = Annotated[int, Field(ge=1), BeforeValidator(no_yes_or_no)]
