"""Puts files in place: all of them, whole, over nothing that is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError


def place_all(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write the files that are not there yet, in this order; their names.

    They are written aside first. Whatever ends this half-way, those that were put in place are
    taken back; a process that is killed leaves some of them, each whole, and the next call goes on.

    Raises:
        ConfigurationError: a file of that name is there with other content, or cannot be written.
    """
    missing = _missing(folder, files)
    new_folders = [p for p in (folder, *folder.parents) if not p.exists()]
    placed: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tenancy-init-", dir=folder) as aside:
            for number, name in enumerate(missing):
                (Path(aside) / str(number)).write_text(files[name], encoding="utf-8")
            for number, name in enumerate(missing):
                path = folder / name
                new_folders = [
                    *(p for p in path.parents if not p.exists() and p not in new_folders),
                    *new_folders,
                ]
                path.parent.mkdir(parents=True, exist_ok=True)
                _put(Path(aside) / str(number), path)
                placed.append(path)
    except BaseException as error:
        _take_back(placed, new_folders)
        if isinstance(error, OSError):
            where = error.filename2 or error.filename or folder
            raise ConfigurationError(
                f"{where} cannot be written: {error.strerror}. Nothing was changed"
            ) from error
        raise
    return missing


def _missing(folder: Path, files: Mapping[str, str]) -> list[str]:
    missing = []
    for name, text in files.items():
        path = folder / name
        if not path.exists():
            missing.append(name)
        elif not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            raise ConfigurationError(
                f"{path} is there already, and init overwrites nothing. Move it away, or name"
                " another folder. Nothing was changed"
            )
    return missing


def _put(written: Path, path: Path) -> None:
    """Give the file its name; never that of another one."""
    try:
        os.link(written, path)
    except FileExistsError:
        raise
    except OSError:
        _copy(written, path)


def _copy(written: Path, path: Path) -> None:
    """For a file system without links; `x` refuses a file that is there."""
    with path.open("xb") as file:
        try:
            file.write(written.read_bytes())
        except BaseException:
            path.unlink()
            raise


def _take_back(placed: list[Path], folders: list[Path]) -> None:
    for path in placed:
        path.unlink(missing_ok=True)
    for folder in folders:  # deepest first; one that somebody else has put something into stays
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
