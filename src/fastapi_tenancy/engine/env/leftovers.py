"""Closes the connections that env.py leaves open; in plain Alembic the end of the process does."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import Any

from sqlalchemy import Pool, event
from sqlalchemy.engine import Connection, Engine


class Leftovers:
    """Keeps account of what is opened in this process through SQLAlchemy.

    An open transaction would keep its locks, and a pooled connection its search path: the one
    stops the next target, the other misleads it.
    """

    def __init__(self) -> None:
        self._engines: weakref.WeakSet[Engine] = weakref.WeakSet()
        self._opened: list[Any] = []
        event.listen(Engine, "engine_connect", self._connected)
        event.listen(Pool, "connect", self._open)

    def close(self) -> None:
        """Close everything."""
        asynchronous = False
        for engine in tuple(self._engines):
            asynchronous |= engine.dialect.is_async
            engine.dispose(close=not engine.dialect.is_async)
        for connection in self._opened:
            with contextlib.suppress(Exception):  # closed already, or its event loop is
                connection.close()
        self._engines.clear()
        self._opened.clear()
        if asynchronous:
            gc.collect()  # what belongs to an event loop that is closed cannot be closed otherwise

    def _connected(self, connection: Connection) -> None:
        self._engines.add(connection.engine)

    def _open(self, dbapi_connection: Any, _record: Any) -> None:
        self._opened.append(dbapi_connection)
