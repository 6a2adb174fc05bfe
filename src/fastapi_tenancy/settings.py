"""The files that settings are written in: tenancy.toml and pyproject.toml."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import masked

FILES = ("tenancy.toml", "pyproject.toml")
_SHOWN = 100
"""Characters of a value shown in an error."""


def working_directory() -> Path:
    """The folder in which the settings are looked for.

    Raises:
        ConfigurationError: it is gone, or cannot be read.
    """
    try:
        return Path.cwd()
    except OSError as exc:
        raise ConfigurationError(
            f"the working directory cannot be read ({exc.strerror}): it was deleted or moved,"
            " perhaps. Change to the folder of the Alembic project and run the command there"
        ) from exc


def settings_of(folder: Path, known: frozenset[str]) -> dict[str, Any]:
    """The settings of both files.

    Args:
        known: the names of all settings.

    Raises:
        ConfigurationError: a file cannot be read, names what is no setting, or contradicts the
            other one.
    """
    first, second = (settings_in(folder / name, known) for name in FILES)
    for key in sorted(first.keys() & second.keys()):
        if first[key] != second[key]:
            one, other = shown(first[key], key), shown(second[key], key)
            raise ConfigurationError(
                f"{key} is {one} in tenancy.toml but {other} in [tool.tenancy] of pyproject.toml."
                " Remove one of them"
            )
    return first | second


def settings_file(folder: Path) -> Path | None:
    """The file of a folder that holds settings, or None.

    Raises:
        ConfigurationError: its pyproject.toml cannot be read.
    """
    own, project = (folder / name for name in FILES)
    if own.is_file():
        return own
    return project if tool(read_toml(project), "tenancy") is not None else None


def settings_in(path: Path, known: frozenset[str]) -> dict[str, Any]:
    """The settings of one file; none where it is not there.

    Raises:
        ConfigurationError: it cannot be read, or names what is no setting.
    """
    found = read_toml(path)
    where = path.name
    if where == "pyproject.toml":
        found, where = tool(found, "tenancy") or {}, "[tool.tenancy] of pyproject.toml"
    if not isinstance(found, dict):
        raise ConfigurationError(f"tenancy is {shown(found)} in pyproject.toml; expected a table")
    for key in found:
        if key not in known:
            raise ConfigurationError(unknown(key, where, known))
    return found


def read_toml(path: Path) -> Any:
    """What a TOML file holds; an empty table where there is none.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigurationError(f"{path.name} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{path.name} is not valid TOML: {exc}") from None


def tool(found: Any, name: str) -> Any:
    """The table of a tool in what pyproject.toml holds, or None."""
    tools = found.get("tool", {})
    return tools.get(name) if isinstance(tools, dict) else None


def unknown(key: str, where: str, known: frozenset[str]) -> str:
    """What is said of a name that is no setting."""
    near = get_close_matches(key.lower().replace("-", "_"), sorted(known), n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else "known are " + ", ".join(sorted(known))
    return f"{where} sets {key!r}, which is not a setting of tenancy; {advice}"


def shown(value: object, key: str = "") -> str:
    """A value as an error quotes it: short, without passwords.

    Args:
        key: the setting it is the value of. One that is a secret as a whole is not shown: those
            are the ones that are keys.
    """
    if key.endswith(("_key", "_keys")):
        return "***"
    text = masked(str(value))
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
