"""Never more connections than said, however large the fleet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from fastapi_tenancy.model.plan import Engine
from project import ITEMS, Project

Schemas = Callable[..., list[str]]
FLEET = [f"t{n:02}" for n in range(40)]
COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@contextmanager
def counted(url: str) -> Iterator[list[int]]:
    """How many others were connected, looked at as often as it goes."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.001):
                row = connection.execute(COUNT).fetchone()
                assert row
                seen.append(row[0])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_one_for_each_worker_and_one_to_read(
    project: Project, schemas: Schemas, engine: Engine, concurrency: int
) -> None:
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", 'op.get_bind().execute(sa.text("SELECT pg_sleep(0.01)"))')
    schemas(*FLEET)
    with counted(project.url) as seen:
        done = project.run(FLEET, engine=engine, concurrency=concurrency)
    done.require_success()
    assert len(seen) > 20
    assert max(seen) == concurrency + 1


def test_one_more_renews_leases(project: Project, schemas: Schemas) -> None:
    project.revision("r1", None, ITEMS)
    project.revision(
        "r2",
        "r1",
        """
        with op.get_context().autocommit_block():
            op.create_index("ix", "items", ["name"], postgresql_concurrently=True)
        """,
    )
    schemas(*FLEET)
    with counted(project.url) as seen:
        done = project.run(FLEET, concurrency=3)
    done.require_success()
    assert 3 < max(seen) <= 3 + 2


def test_a_connection_is_replaced_after_some_targets(project: Project, schemas: Schemas) -> None:
    project.revision(
        "r1",
        None,
        ITEMS + 'op.execute("CREATE TABLE backend AS SELECT pg_backend_pid() AS pid")',
    )
    schemas(*FLEET)
    project.run(FLEET, concurrency=1, recycle_after=10).require_success()
    with psycopg.connect(project.url) as connection:
        used = {
            connection.execute(f"SELECT pid FROM {name}.backend".encode()).fetchone()
            for name in FLEET
        }
    assert len(used) >= 4
