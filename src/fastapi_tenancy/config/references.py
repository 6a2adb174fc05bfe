"""Settings that say where a secret is, and are not the secret: ``env:NAME``, ``file:PATH``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import masked

_REFERENCE = re.compile(r"(env|file):(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\w+")


def is_reference(text: str) -> bool:
    """Whether ``text`` says where a value is, and is not the value."""
    return _REFERENCE.fullmatch(text) is not None


def value_behind(reference: str) -> str:
    """What the variable or the file of a reference holds, without blanks around it.

    Raises:
        ConfigurationError: it is not there or empty; names it, and never shows what it holds.
    """
    kind, _, name = reference.partition(":")
    value = _in_environment(name) if kind == "env" else _in_file(name)
    if not value.strip():
        what = "environment variable" if kind == "env" else "file"
        raise ConfigurationError(f"it refers to the {what} {masked(name)}, which is empty")
    return value.strip()


def _in_environment(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ConfigurationError(
            "env: has to be followed by the name of an environment variable, such as"
            " env:DATABASE_URL"
        )
    if name not in os.environ:
        raise ConfigurationError(f"it refers to the environment variable {name}, which is not set")
    return os.environ[name]


def _in_file(name: str) -> str:
    path = Path(name.removeprefix("//"))  # file:///run/secrets/url
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        told = error.strerror
    except ValueError:  # not UTF-8, or a name that no file can have
        told = "it is no text"
    raise ConfigurationError(f"it refers to the file {masked(name)}, which cannot be read: {told}")
