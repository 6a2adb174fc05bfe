"""Settings: the keys that database URLs of tenants are encrypted with in the catalogue."""

from __future__ import annotations

import base64
import json
import re
from typing import Annotated

from pydantic import BaseModel, Field, PlainValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from fastapi_tenancy.config.references import is_reference, value_behind
from fastapi_tenancy.config.secrets import SecretText
from fastapi_tenancy.errors import ConfigurationError

_KEY_BYTES = 32
_MADE_BY = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


def _keys(value: object) -> tuple[SecretText, ...]:
    """The keys, one by one; what a reference stands for may be several."""
    try:
        return tuple(
            _key(text, number)
            for number, part in enumerate(_parts(value), 1)
            for text in (_split(_behind(part, number)) if is_reference(part) else (part,))
        )
    except ConfigurationError as error:
        raise PydanticCustomError("secret", "{problem}", {"problem": str(error)}) from None


def _parts(value: object) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return list(value)
    raise ConfigurationError("expected keys, or env:NAME or file:PATH, separated by commas")


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _behind(reference: str, number: int) -> str:
    try:
        return value_behind(reference)
    except ConfigurationError as error:
        raise ConfigurationError(f"number {number} of them: {error}") from None


def _key(text: str, number: int) -> SecretText:
    try:
        found = base64.urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        found = b""
    if len(found) != _KEY_BYTES:
        raise ConfigurationError(
            f"number {number} of them is not a Fernet key (it is not shown here). This makes one:"
            f" {_MADE_BY}"
        )
    return SecretText(text)


Keys = Annotated[tuple[SecretText, ...], NoDecode, PlainValidator(_keys)]


class EncryptionSettings(BaseModel):
    """What the catalogue is encrypted with."""

    encryption_keys: Keys = Field(
        default=(),
        description="Fernet keys, or env:NAME or file:PATH, separated by commas: a tenant's own"
        " database_url is stored encrypted with the first and read with each"
        " ([encryption](shards.md#encrypted-addresses)).",
    )
