"""A dry run under plain Alembic: everything is run, and nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from fastapi_tenancy.engine.lexer import tokens
from fastapi_tenancy.errors import MigrationFailedError

TOLD = "dry run: everything was rolled back, nothing was changed"
_KEEPS = (
    "dry run: {what}, which could not be taken back. Everything was rolled back and nothing was"
    " changed; revisions after it were not tried"
)


class TakenBack(Exception):  # noqa: N818 - not an error: it ends a transaction
    """Raised inside a transaction so that whoever manages it rolls back."""


@contextmanager
def nothing_kept(engine: Engine) -> Iterator[None]:
    """Refuse every commit over connections of ``engine``.

    Raises:
        MigrationFailedError: a revision was about to keep something.
    """

    def on_commit(_connection: Connection) -> None:
        raise MigrationFailedError(_KEEPS.format(what="a revision commits by itself"))

    def on_begin(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if getattr(raw, "autocommit", False) is True:
            raise MigrationFailedError(_KEEPS.format(what="a revision leaves its transaction"))

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if _commits(statement):
            raise MigrationFailedError(_KEEPS.format(what="a revision sends COMMIT"))

    listeners = (
        ("commit", on_commit),
        ("begin", on_begin),
        ("before_cursor_execute", on_statement),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


def _commits(statement: str) -> bool:
    begins = True
    for token in tokens(statement):
        if begins and token.upper == "COMMIT":
            return True
        begins = token.text == ";"
    return False
