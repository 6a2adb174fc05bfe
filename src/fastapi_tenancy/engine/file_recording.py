"""What a revision sends to an SQLite file, with its values in place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Connection, event


@contextmanager
def recording(connection: Connection, into: list[str]) -> Iterator[None]:
    """Append to ``into`` the statements that are sent while the block runs."""
    raw = cast(sqlite3.Connection, connection.connection.driver_connection)
    calls: list[tuple[int, list[str]]] = [(0, [])]

    def called(
        _c: Any, _cursor: Any, _statement: str, values: Any, _context: Any, executemany: bool
    ) -> None:
        calls.append((len(values) if executemany else 1, []))

    def told(sql: str) -> None:
        calls[-1][1].append(sql)

    event.listen(connection, "before_cursor_execute", called)
    raw.set_trace_callback(told)
    try:
        yield
    finally:
        raw.set_trace_callback(None)
        event.remove(connection, "before_cursor_execute", called)
        into.extend(sql for count, told in calls for sql in _sent(count, told))


def _sent(count: int, told: list[str]) -> list[str]:
    """The statements of one call: SQLite tells a statement again for each trigger it fires."""
    if count == 1:
        return told[:1]
    return told if len(told) == count else [sql for sql, _ in groupby(told)]
