"""Runs the statements that no transaction may hold, and takes them up again after a crash."""

from __future__ import annotations

import threading
import time

from psycopg import sql as composed

from fastapi_tenancy.engine.lexer import tokens
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.statements import aimed, concurrent_index
from fastapi_tenancy.isolation.names import qualified

_dedicated = threading.Semaphore(1)
"""One connection at a time beyond the budget, for statements that cannot be aimed by name."""

PAUSE_S = 0.2
_INDEX = """
SELECT i.indisvalid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = c.oid WHERE n.nspname = %s AND c.relname = %s
"""


def run_alone(session: Session, statement: str, *, resumed: bool) -> None:
    """Send one statement outside of any transaction, aimed at the session's target.

    Args:
        resumed: an interrupted run may have sent this statement already: an index that is
            there and valid is kept, one that was left invalid is dropped and built again.

    Raises:
        MigrationFailedError: the run was aborted.
        psycopg.Error: whatever the server answers.
    """
    session.require_going_on()
    schema = session.target.schema
    if resumed and _done(session, schema, statement):
        return
    text = aimed(statement, schema)
    if text is not None:
        session.raw.execute(text.encode())
        return
    with _dedicated, session.open_aimed() as connection:
        connection.execute(statement.encode())


_BUILDING = """
SELECT FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.index_relid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.datname = current_database() AND n.nspname = %s AND c.relname = %s
"""


def _await_build(session: Session, schema: str, name: str) -> None:
    """Wait for a server process that goes on building for a runner that was killed."""
    while session.raw.execute(_BUILDING, [schema, name]).fetchone() is not None:
        time.sleep(PAUSE_S)


def _done(session: Session, schema: str, statement: str) -> bool:
    built = concurrent_index(statement)
    if built is not None:
        if built.name is None:
            return False
        _await_build(session, schema, built.name)
        row = session.raw.execute(_INDEX, [schema, built.name]).fetchone()
        if row is not None and not row[0]:
            drop = f"DROP INDEX CONCURRENTLY {qualified(schema, built.name)}"
            session.raw.execute(composed.SQL(drop))
        return bool(row and row[0])
    found = list(tokens(statement))
    if [t.upper for t in found[:3]] == ["DROP", "INDEX", "CONCURRENTLY"] and len(found) == 4:
        return session.raw.execute(_INDEX, [schema, found[3].stored]).fetchone() is None
    return False
