"""The files an Alembic project may be configured in: an ini file, pyproject.toml, or both."""

from __future__ import annotations

from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.settings import read_toml, tool


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
    return ini if ini.is_file() else None, toml if tool(
        read_toml(toml), "alembic"
    ) is not None else None
