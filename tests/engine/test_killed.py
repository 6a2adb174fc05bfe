"""A killed runner, a lost connection: each target stands at a revision, and a re-run finishes."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable

import psycopg
import pytest

from project import ITEMS, Project, ended
from snapshot import heads, query, snapshot

Schemas = Callable[..., list[str]]
FLEET = [f"t{n:02}" for n in range(16)]


@pytest.fixture
def history(project: Project) -> Project:
    """Replayed, live and autocommit revisions in turn."""
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", "op.add_column('items', sa.Column('z', sa.Integer))")
    project.revision(
        "r3",
        "r2",
        """
        op.execute("INSERT INTO items (name) VALUES ('before')")
        with op.get_context().autocommit_block():
            op.create_index("ix_name", "items", ["name"], postgresql_concurrently=True)
            op.create_index("ix_lower", "items", [sa.text("lower(name)")], postgresql_concurrently=True)
        op.execute("INSERT INTO items (name) VALUES ('after')")
        """,
    )
    project.revision(
        "r4",
        "r3",
        "n = op.get_bind().scalar(sa.text('SELECT count(*) FROM items'))\n"
        "op.execute(f\"INSERT INTO items (name) VALUES ('counted {n}')\")",
    )
    project.revision(
        "r5",
        "r4",
        """
        n = op.get_bind().scalar(sa.text("SELECT count(*) FROM items"))
        with op.get_context().autocommit_block():
            op.drop_index("ix_name", postgresql_concurrently=True)
        op.execute(f"INSERT INTO items (name) VALUES ('again {n}')")
        """,
    )
    return project


KNOWN = [set(), {"r1"}, {"r2"}, {"r3"}, {"r4"}, {"r5"}]


def _positions(project: Project) -> list[set[str]]:
    tables = "SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version'"
    return [heads(project.url, str(schema)) for (schema,) in query(project.url, tables)]


def _numberless(tables: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the numbers of a sequence: what rolls back leaves gaps in it, under Alembic too."""
    return {t: sorted(re.sub(r"^\(\d+,", "(", row) for row in found) for t, found in tables.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_runner(
    seed: int, history: Project, schemas: Schemas, copied: Callable[[], str]
) -> None:
    schemas(*FLEET)
    copy = copied()
    chance = random.Random(seed)
    for _ in range(3):
        process = history.process(FLEET)
        for line in process.stderr:
            if line.startswith("started"):
                break
        try:
            process.wait(chance.uniform(0.02, 0.5))
        except Exception:
            process.kill()
        process.communicate()
        assert all(found in KNOWN for found in _positions(history))
    history.run(FLEET).require_success()
    assert history.plain(FLEET, url=copy) == [None] * len(FLEET)
    mine, theirs = snapshot(history.url), snapshot(copy)
    assert _numberless(mine.rows) == _numberless(theirs.rows)
    assert mine.structures == theirs.structures
    assert mine.dump == theirs.dump


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_connections(
    seed: int, history: Project, schemas: Schemas, copied: Callable[[], str]
) -> None:
    schemas(*FLEET)
    copy = copied()
    over = threading.Event()
    chance = random.Random(seed)

    def kill() -> None:
        with psycopg.connect(history.url, autocommit=True) as connection:
            while not over.wait(chance.uniform(0.01, 0.1)):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                    " current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
                )

    killer = threading.Thread(target=kill)
    process = history.process(FLEET)
    killer.start()
    process.communicate(timeout=60)
    over.set()
    killer.join()
    assert all(found in KNOWN for found in _positions(history))
    history.run(FLEET).require_success()
    assert history.plain(FLEET, url=copy) == [None] * len(FLEET)
    mine, theirs = snapshot(history.url), snapshot(copy)
    assert _numberless(mine.rows) == _numberless(theirs.rows)
    assert mine.structures == theirs.structures


def test_one_lost_connection_is_one_failing_tenant(project: Project, schemas: Schemas) -> None:
    project.revision("r1", None, ITEMS)
    project.revision(
        "r2",
        "r1",
        'op.execute("SELECT pg_terminate_backend(pg_backend_pid()) FROM items'
        " WHERE current_schema() = 't03' LIMIT 1\")",
    )
    schemas(*FLEET)
    project.run(FLEET, "r1").require_success()
    done = project.run(FLEET)
    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {"t03"}
    outcome = done.outcome("t03")
    assert outcome.from_heads == outcome.to_heads == ("r1",)
    assert "r2" in (outcome.error or "")
    assert heads(project.url, "t03") == {"r1"}


def test_a_runner_in_a_process_reports(history: Project, schemas: Schemas) -> None:
    """The harness itself: without a kill the same process brings everybody to the head."""
    schemas(*FLEET)
    ends = ended(history.process(FLEET))
    assert {kind for kind, _ in ends.values()} == {"migrated"}
