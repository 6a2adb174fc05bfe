"""Lets env.py run without a trace: whatever it commits meanwhile is rolled back.

env.py is run to learn its options, also for a dry run. Projects commit a `SET search_path`
there, which a pooler would hand on to the application, or create what a migration needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

_rehearsing: ContextVar[bool] = ContextVar("tenancy_rehearsing", default=False)
_MARK = "_tenancy_harmless"


def _guard_commits(connection: Connection) -> None:
    """Make commits of this dialect roll back, in the rehearsing context only.

    The engine may be the application's own, in use by other threads at this moment.
    """
    dialect: Any = connection.dialect
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
    """Turn every commit through SQLAlchemy into a rollback, in this context only."""
    event.listen(Engine, "engine_connect", _guard_commits)
    token = _rehearsing.set(True)
    try:
        yield
    finally:
        _rehearsing.reset(token)


def is_rehearsing() -> bool:
    """True while env.py is run for nothing but what it passes to Alembic."""
    return _rehearsing.get()
