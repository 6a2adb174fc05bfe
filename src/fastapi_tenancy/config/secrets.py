"""Settings that nobody may see: given as they are, or as where they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.references import is_reference, value_behind
from fastapi_tenancy.errors import ConfigurationError


class SecretText(str):
    """A secret as text: ``str(secret)`` is the whole, ``repr(secret)`` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretText('***')"


def _secret(value: object) -> SecretText:
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError(
            "secret",
            "expected a secret as text, or where it is: env:NAME, file:PATH",
        )
    return SecretText(value)


Secret = Annotated[SecretText, PlainValidator(_secret)]


def revealed(secret: str, setting: str) -> str:
    """The secret itself, where a reference to a variable or a file is given in its place too.

    Raises:
        ConfigurationError: that is not there.
    """
    if not is_reference(secret):
        return str(secret)
    try:
        return value_behind(secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from None
