"""SQLite files: there, databases, and where they can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

from fastapi_tenancy.cli.checking.finding import Finding, Named, action, fine
from fastapi_tenancy.cli.checking.survey import Server
from fastapi_tenancy.cli.checking.versions import Versions
from fastapi_tenancy.cli.words import in_words
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.target import MISSING, Position, PositionState, Target
from fastapi_tenancy.observe.files import (
    existing,
    open_file,
    read_file_position,
    read_file_structure,
)

RIGHTS = "files"
_PATIENCE_S = 1.0


def look_at_files(server: Server, versions: Versions, table: str) -> Iterator[Finding]:
    """Yield what was found; the positions go to the version tables' own check."""
    closed = Named()
    for target in server.wholes:
        file = existing(target.address)
        # SQLite writes a journal beside the file.
        if file.parent.exists() and not os.access(file.parent, os.W_OK):
            closed.add(str(file.parent))
        versions.see(target.name, *_position(target, table))
    if closed:
        yield action(RIGHTS, f"{closed} cannot be written to", "give this user the right to")
    else:
        rest = f"; looked at {len(server.wholes)}" if server.count > len(server.wholes) else ""
        yield fine(RIGHTS, f"{in_words(server.count, 'SQLite file')}{rest}")


def _position(target: Target, table: str) -> tuple[Position, int]:
    file = existing(target.address)
    if not file.exists():
        return MISSING, 0
    try:
        with closing(open_file(target.address, _PATIENCE_S)) as connection:
            position = read_file_position(connection, table, file)
            if position.problem:
                return position, 0
            found = read_file_structure(connection)
    except ConfigurationError as error:
        return Position((), PositionState.UNREADABLE, problem=str(error)), 0
    return position, sum(kind == "table" and name != table for kind, name in found)
