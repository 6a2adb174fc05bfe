"""Lets env.py run without a trace: whatever it commits meanwhile is rolled back.

env.py is run to learn its options, also for a dry run. Projects commit a `SET search_path`
there, which a pooler would hand on to the application, or create what a migration needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from sqlalchemy import NullPool, QueuePool, event
from sqlalchemy.engine import Connection, Engine

_rehearsing: ContextVar[bool] = ContextVar("tenancy_rehearsing", default=False)
_opened: ContextVar[dict[Engine, list[Any]] | None] = ContextVar("tenancy_opened", default=None)
"""What a rehearsal has opened, of engines that hold nothing else."""
_MARK = "_tenancy_harmless"


def _guard_commits(connection: Connection) -> None:
    """Make commits of this dialect roll back, in the rehearsing context only.

    The engine may be the application's own, in use by other threads at this moment.
    """
    dialect: Any = connection.dialect
    _note(connection)
    if not _rehearsing.get() or getattr(dialect, _MARK, False):
        return
    commit = dialect.do_commit

    def do_commit(dbapi_connection: Any) -> None:
        if not _rehearsing.get():
            commit(dbapi_connection)
        elif dialect.name == "postgresql":
            _roll_back_but_for_the_path(dialect, dbapi_connection)
        else:
            dialect.do_rollback(dbapi_connection)

    dialect.do_commit = do_commit
    setattr(dialect, _MARK, True)


def _note(connection: Connection) -> None:
    engine, opened = connection.engine, _opened.get()
    if opened is None or engine.dialect.is_async:
        return
    pool = engine.pool
    first = isinstance(pool, QueuePool) and pool.checkedout() == 1 and pool.checkedin() == 0
    if first or isinstance(pool, NullPool) or engine in opened:
        opened.setdefault(engine, []).append(connection.connection.dbapi_connection)


def _close(opened: dict[Engine, list[Any]]) -> None:
    """Close what env.py has left open; a transaction in there would keep its locks."""
    for engine, connections in opened.items():
        engine.dispose()
        for connection in connections:
            with suppress(Exception):  # closed already
                connection.close()


def _roll_back_but_for_the_path(dialect: Any, connection: Any) -> None:
    """Where env.py goes is read from the search path, which it takes to be committed.

    It is set again in the transaction that begins now, and ends with that.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute("SHOW search_path")
        (path,) = cursor.fetchone()
        dialect.do_rollback(connection)
        literal = path.replace("'", "''")
        cursor.execute(f"SELECT set_config('search_path', '{literal}', false)")


@contextmanager
def rehearsing() -> Iterator[None]:
    """Turn every commit through SQLAlchemy into a rollback, in this context only.

    What env.py leaves open is closed at the end, but for connections of an engine in use.
    """
    event.listen(Engine, "engine_connect", _guard_commits)
    token, opened = _rehearsing.set(True), _opened.set({})
    try:
        yield
    finally:
        _close(_opened.get() or {})
        _opened.reset(opened)
        _rehearsing.reset(token)


def is_rehearsing() -> bool:
    """True while env.py is run for nothing but what it passes to Alembic."""
    return _rehearsing.get()
