"""The kinds of values that settings have; what cannot be one is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from fastapi_tenancy.config.references import is_reference, value_behind
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.template import usable_template
from fastapi_tenancy.model.timeout import LONGEST_S
from fastapi_tenancy.model.url import DatabaseUrl, accepted


def _url(value: object) -> DatabaseUrl:
    return _usable(value, accepted)


def _template(value: object) -> DatabaseUrl:
    return _usable(value, usable_template)


def _usable(value: object, check: Callable[[str], DatabaseUrl]) -> DatabaseUrl:
    if not isinstance(value, str):
        raise PydanticCustomError("database_url", "expected a database URL as text")
    text = value.strip()
    try:
        return _behind(text, check) if is_reference(text) else check(text)
    except ConfigurationError as exc:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(exc)}) from None


def _behind(reference: str, check: Callable[[str], DatabaseUrl]) -> DatabaseUrl:
    """The URL behind a reference; what cannot be one may be any secret, and is not shown."""
    text = value_behind(reference)
    try:
        return check(text)
    except ConfigurationError:
        raise ConfigurationError(
            f"what {reference} stands for is not a URL that can be used here (it is not shown);"
            " expected one such as postgresql://user:password@host/database"
        ) from None


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


Url = Annotated[DatabaseUrl, PlainValidator(_url)]
Template = Annotated[DatabaseUrl, PlainValidator(_template)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names), AfterValidator(_without_nul)]
Seconds = Annotated[
    float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False), BeforeValidator(no_yes_or_no)
]
Count = Annotated[int, Field(ge=1), BeforeValidator(no_yes_or_no)]
