"""SQLite files: opened without being made, their positions and structures."""

from __future__ import annotations

import sqlite3
import time
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import make_url

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.isolation.place import file_of
from fastapi_tenancy.model.target import UNVERSIONED, Position, PositionState

_CLOSED = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
_ATTEMPTS = 20
_PAUSE_S = 0.05

Structure = dict[tuple[str, str], str]
"""Objects by kind and name, each with the statement that made it."""


def existing(address: str) -> Path:
    """The file of a target's address; it need not exist."""
    file = file_of(address)
    assert file is not None  # noqa: S101 - a target in memory is refused where it is placed
    return file


def open_file(address: str, timeout_s: float) -> sqlite3.Connection:
    """Open an existing file without beginning a transaction; other threads may interrupt it.

    Args:
        address: SQLAlchemy's URL of the file.
        timeout_s: seconds to wait for whoever keeps it locked.

    Raises:
        ServerUnreachableError: it is not there, or cannot be opened.
    """
    file = existing(address)
    name, url = _asked(address, file)
    given = {**url, "timeout": timeout_s, "isolation_level": None, "check_same_thread": False}
    try:
        opened: sqlite3.Connection = sqlite3.connect(name, **given)
        return opened
    except sqlite3.Error as error:
        raise ServerUnreachableError(f"{file}: {_why(file, error)}") from None


def make_file(file: Path) -> None:
    """Make an empty database, and the folder it lies in.

    Raises:
        ServerUnreachableError: the file system refuses it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise ServerUnreachableError(f"{file} cannot be made: {error.strerror}") from None


def read_file_position(connection: sqlite3.Connection, table: str, file: Path) -> Position:
    """Where a file stands; what cannot be read is a position too."""
    for _ in range(_ATTEMPTS):
        try:
            return _position(connection, table)
        except sqlite3.Error as error:
            refused = error
        if not _name_of(refused).startswith(_CLOSED):
            break
        # Another process that ends its own work takes its journal away just then.
        time.sleep(_PAUSE_S)
    return _unreadable(_why(file, refused))


def _position(connection: sqlite3.Connection, table: str) -> Position:
    kinds = "SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type != 'index'"
    kind = connection.execute(kinds, [table]).fetchone()
    if kind is None:
        return UNVERSIONED
    if kind[0] != "table":
        return _unreadable(f"{table} is not a table here; rename or drop what bears its name")
    rows = connection.execute(f"SELECT version_num FROM {quoted(table)}").fetchall()
    heads = sorted(str(row[0]) for row in rows if row[0] is not None)
    if len(set(heads)) != len(rows):
        return _unreadable(f"{table} holds empty rows, or one revision twice; stamp the tenant")
    return Position(tuple(heads))


def read_file_structure(connection: sqlite3.Connection) -> Structure:
    """Every object of the file, spaces aside."""
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in rows}


def quoted(name: str) -> str:
    """``name`` as a quoted SQLite identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=256)  # a file is opened several times in a row
def _asked(address: str, file: Path) -> tuple[str, dict[str, Any]]:
    """What opens the file: its name, and arguments that its URL has."""
    made = make_url(address)
    (name,), given = made.get_dialect()().create_connect_args(made)
    if "uri" in made.query:
        return str(name), dict(given)
    # Without a mode SQLite would make a file that is gone meanwhile.
    return f"file:{quote(str(file.absolute()))}?mode=rw", {**given, "uri": True}


def _unreadable(problem: str) -> Position:
    return Position((), PositionState.UNREADABLE, problem=problem)


def _why(file: Path, error: sqlite3.Error) -> str:
    """What SQLite says of a file, and what to do."""
    name = _name_of(error)
    if name.startswith("SQLITE_NOTADB"):
        return f"{file} is not an SQLite database; look at what it is, or name another file"
    if name.startswith("SQLITE_CORRUPT"):
        return f"{file} is damaged ({error}); restore it from a backup"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another process keeps {file} locked; run again when it is done"
    if name.startswith((*_CLOSED, "SQLITE_PERM", "SQLITE_AUTH")):
        what = "it is a folder" if file.is_dir() else "look at its permissions and its folder's"
        return f"{file} cannot be opened for writing; {what}"
    return f"{file} cannot be read: {error}"


def _name_of(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or ""
