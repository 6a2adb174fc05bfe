"""Settings that nobody may see: given as they are, or as the name of an environment variable."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.errors import ConfigurationError

_REFERENCE = "env:"


class SecretText(str):
    """A secret as text: ``str(secret)`` is the whole, ``repr(secret)`` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretText('***')"


def _secret(value: object) -> SecretText:
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError(
            "secret",
            "expected a secret as text, or env:NAME for the environment variable of that name",
        )
    return SecretText(value)


Secret = Annotated[SecretText, PlainValidator(_secret)]


def revealed(secret: str, setting: str) -> str:
    """The secret itself, where it is given by the name of an environment variable too.

    Raises:
        ConfigurationError: that variable is not set.
    """
    if not secret.startswith(_REFERENCE):
        return str(secret)
    name = secret.removeprefix(_REFERENCE).strip()
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(
            f"{setting} is env:{name}, but the environment variable {name} is not set"
        )
    return value
