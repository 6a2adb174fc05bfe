"""Through PgBouncer in transaction mode every statement may meet another server process."""

from __future__ import annotations

import copy
import os

import psycopg
import pytest

from fastapi_tenancy.model.plan import Command, Engine
from pooler import PROGRAM, pooled
from project import ITEMS, Project

pytestmark = pytest.mark.skipif(
    PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is not installed"
)

READ = """
bind = op.get_bind()
count = bind.execute(sa.text("SELECT count(*) FROM items WHERE name <> :n"), {"n": "x"}).scalar()
bind.execute(sa.text("UPDATE items SET note = :n"), {"n": f"{count} rows"})
"""
CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix_items_name", "items", ["name"], postgresql_concurrently=True)
"""
LIVE_CONCURRENTLY = """
op.get_bind()
with op.get_context().autocommit_block():
    op.create_index("ix_items_note", "items", ["note"], postgresql_concurrently=True)
    op.execute("UPDATE items SET note = note || '!'")
"""


# What an env.py leaves in a session by SET is its own, under plain Alembic as under --engine env.
@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_every_road_of_the_engine_goes_through_it(project: Project, engine: Engine):
    project.revision("a", None, ITEMS, 'op.drop_table("items")')
    project.revision("b", "a", READ)
    project.revision("c", "b", CONCURRENTLY, 'op.drop_index("ix_items_name")')
    project.revision("d", "c", LIVE_CONCURRENTLY, 'op.drop_index("ix_items_note")')
    names = [f"t{n}" for n in range(8)]
    with pooled(project.url, size=3) as url:
        through = copy.copy(project)
        through.url = url
        done = through.run(names, engine=engine, concurrency=6).require_success()
        assert len(done.report.outcomes) == 8
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            paths = {connection.execute("SHOW search_path").fetchone() for _ in range(9)}
        assert paths == {('"$user", public',)}
        through.run(names, "base", Command.DOWNGRADE, engine=engine).require_success()
        through.run(names, engine=engine).require_success()
    with psycopg.connect(project.url, autocommit=True) as connection:
        for name in names:
            rows = connection.execute(f"SELECT DISTINCT note FROM {name}.items".encode()).fetchall()
            assert rows == [("3 rows!",)]
        held = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert held.fetchone() == (0,)
        found = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relname = 'items'"
            " AND relnamespace = 'public'::regnamespace"
        )
        assert found.fetchone() == (0,)
