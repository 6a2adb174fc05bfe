"""The one place where an identifier becomes SQL: validated, then quoted."""

from __future__ import annotations

from functools import lru_cache

from fastapi_tenancy.errors import InvalidNameError
from fastapi_tenancy.model.scratch import PREFIX

MAX_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts longer names without an error."""


@lru_cache(maxsize=1024)
def quote(name: str) -> str:
    """Return ``name`` as a quoted PostgreSQL identifier.

    Raises:
        InvalidNameError: the name is empty, holds NUL, or is longer than 63 bytes of UTF-8.
    """
    if not name:
        raise InvalidNameError("an empty name was given where PostgreSQL needs an identifier")
    if "\x00" in name:
        raise InvalidNameError(f"the name {name!r} holds a NUL character, which PostgreSQL refuses")
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise InvalidNameError(
            f"the name {name!r} is {size} bytes long; PostgreSQL would silently cut it"
            f" to {MAX_BYTES} bytes. Choose a shorter one"
        )
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Return ``"schema"."name"``, both validated and quoted."""
    return f"{quote(schema)}.{quote(name)}"


def tenant_schema(name: str) -> str:
    """Return ``name`` if a tenant may live in a schema of that name.

    Raises:
        InvalidNameError: as ``quote``, or a schema that belongs to PostgreSQL or to everybody.
    """
    quote(name)
    if name == "$user":
        raise InvalidNameError(
            "the schema '$user' cannot be a tenant's: in a search path PostgreSQL takes it for the"
            " schema of the role that is connected. Give the tenant another one (schema_name)"
        )
    if name.startswith("pg_") or name in ("information_schema", "public"):
        whose = "shared by everybody" if name == "public" else "reserved by PostgreSQL"
        raise InvalidNameError(
            f"the schema {name!r} is {whose} and cannot be a tenant's."
            " Give the tenant a schema of its own (schema_name)"
        )
    if name.startswith(PREFIX):
        raise InvalidNameError(
            f"the schema {name!r} cannot be a tenant's: schemas of such names are made to compare"
            " models with, and removed. Give the tenant another one (schema_name)"
        )
    return name


def literal(text: str) -> str:
    """A string literal; revision ids are plain, comments need not be."""
    return "'" + text.replace("'", "''") + "'" if "\\" not in text else _escaped(text)


def _escaped(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
