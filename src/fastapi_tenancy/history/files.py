"""The files an Alembic project may be configured in: an ini file, pyproject.toml, or both."""

from __future__ import annotations

import tomllib
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError


def project_files(path: Path) -> tuple[Path | None, Path | None]:
    """The ini file of a project and the pyproject.toml with its ``[tool.alembic]``, if any.

    Raises:
        ConfigurationError: the path is a folder, or pyproject.toml is not a TOML file.
    """
    if path.is_dir():
        raise ConfigurationError(
            f"{path} is a folder; expected an ini file, such as {path / 'alembic.ini'}"
        )
    toml = path if path.suffix == ".toml" else path.parent / "pyproject.toml"
    ini = path.parent / "alembic.ini" if path.suffix == ".toml" else path
    return ini if ini.is_file() else None, toml if _has_alembic(toml) else None


def _has_alembic(toml: Path) -> bool:
    try:
        return "alembic" in tomllib.loads(toml.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        # `from None`: the parser's own error may quote a line.
        raise ConfigurationError(
            f"{toml} cannot be read as TOML ({type(error).__name__}); expected a valid file, or"
            " none"
        ) from None
