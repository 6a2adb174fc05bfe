"""Checks arguments of the command line that typer takes as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable

import typer

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import masked

_RESERVED = ("tenant", "schema", "url")


def require_text(given: Iterable[object]) -> None:
    """Refuse what is not UTF-8, which no database would take; the name of a file may be anything.

    Raises:
        ConfigurationError: naming the first of them.
    """
    for value in given:
        if isinstance(value, list | tuple):
            require_text(value)
        elif isinstance(value, str):
            _require_utf8(value)


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Python keeps such bytes as halves of characters, which nobody could read.
        shown = masked(repr(os.fsencode(text))[1:])
        raise ConfigurationError(
            f"the argument {shown} is not UTF-8; expected text. Nothing was changed"
        ) from None


def x_arguments(given: list[str] | None) -> tuple[str, ...]:
    """The ``-x`` arguments, checked.

    Raises:
        typer.BadParameter: no ``=``, or a key that is set for each tenant.
    """
    for key in pairs("-x", given, repeated=True):  # as with `alembic -x`
        if key in _RESERVED:
            raise typer.BadParameter(
                f"-x {key}=... is what every tenant is given its own {key} by; choose tenants"
                " with --tenant, the database with --database-url"
            )
    return tuple(given or ())


def pairs(option: str, given: list[str] | None, *, repeated: bool = False) -> dict[str, str]:
    """``KEY=VALUE`` arguments as a mapping.

    Args:
        repeated: a key may have several values, of which the last one counts.

    Raises:
        typer.BadParameter: one without ``=`` or without a key, or a key with two values.
    """
    found: dict[str, str] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{option} {text!r} is not of the form KEY=VALUE")
        if not repeated and found.get(key, value) != value:
            raise typer.BadParameter(
                f"{option} gives {key!r} two values, {found[key]!r} and {value!r}; expected one"
            )
        found[key] = value
    return found
