"""Refuses arguments of the command line that are no text."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import masked


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
