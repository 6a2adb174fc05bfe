"""Two runners at once: no revision is applied twice, and both report what is true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from fastapi_tenancy.model.plan import Engine
from project import ITEMS, Done, Project, ended
from snapshot import heads, query, rows

Schemas = Callable[..., list[str]]
FLEET = [f"t{n}" for n in range(12)]
CONCURRENTLY = """
op.execute("INSERT INTO items (name) VALUES ('before')")
with op.get_context().autocommit_block():
    op.create_index("ix_name", "items", ["name"], postgresql_concurrently=True)
op.execute("INSERT INTO items (name) VALUES ('after')")
"""


@pytest.fixture(params=["in a transaction", "concurrently", "live and concurrently"])
def history(request: pytest.FixtureRequest, project: Project) -> Project:
    """Three revisions of which none can be applied twice without a trace."""
    project.revision("r1", None, ITEMS)
    up = {
        "in a transaction": "op.execute(\"INSERT INTO items (name) VALUES ('before'), ('after')\")",
        "concurrently": CONCURRENTLY,
        "live and concurrently": "assert op.get_bind().scalar(sa.text('SELECT 1'))\n"
        + CONCURRENTLY,
    }[request.param]
    project.revision("r2", "r1", up)
    project.revision("r3", "r2", "op.execute(\"INSERT INTO items (name) VALUES ('last')\")")
    return project


def _migrated_by_one(kinds: list[dict[str, str]]) -> None:
    """Each tenant is reported as migrated by one of the runs, and as already there by the others."""
    for name in FLEET:
        found = sorted(run[name] for run in kinds)
        assert found == ["already there"] * (len(kinds) - 1) + ["migrated"], (name, found)


def _each_once(project: Project) -> None:
    for name in FLEET:
        assert heads(project.url, name) == {"r3"}
        names = [row.split(",")[1] for row in rows(project.url, name, "items")]
        assert sorted(names) == ["after", "before", "last", "one", "three", "two"]
    invalid = "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"
    assert query(project.url, invalid) == []


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
def test_in_threads(history: Project, schemas: Schemas, engine: Engine) -> None:
    schemas(*FLEET)
    ends: list[Done] = []
    gate = threading.Barrier(2)

    def run(fleet: list[str]) -> None:
        gate.wait()
        ends.append(history.run(fleet, engine=engine))

    # From both ends, so that each finds targets the other has done and meets it midway.
    threads = [threading.Thread(target=run, args=(f,)) for f in (FLEET, FLEET[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ends) == 2
    for done in ends:
        done.require_success()
        assert len(done.report.outcomes) == len(FLEET)
    _migrated_by_one([done.kinds for done in ends])
    _each_once(history)


@pytest.mark.slow
def test_in_processes(history: Project, schemas: Schemas) -> None:
    schemas(*FLEET)
    processes = [history.process(FLEET) for _ in range(3)]
    kinds = [{name: kind for name, (kind, _) in ended(p).items()} for p in processes]
    _migrated_by_one(kinds)
    _each_once(history)


def test_beside_plain_alembic(project: Project, schemas: Schemas) -> None:
    """A tenant that plain Alembic moves between our reading and our writing is read again."""
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", "op.execute(\"INSERT INTO items (name) VALUES ('once')\")")
    schemas(*FLEET)
    project.run(FLEET, "r1").require_success()
    moved: list[object] = []

    def listen(event: object) -> None:
        if type(event).__name__ == "Planned" and not moved:
            moved.append(project.plain(FLEET[3:5]))

    project.run(FLEET, listener=listen).require_success()
    assert moved == [[None, None]]
    for name in FLEET:
        assert sum("once" in row for row in rows(project.url, name, "items")) == 1


AROUND = {
    "an index built concurrently": """
        op.execute("INSERT INTO items (name) VALUES ('before')")
        with op.get_context().autocommit_block():
            op.create_index("ix_name", "items", ["name"], postgresql_concurrently=True)
        op.execute("INSERT INTO items (name) VALUES ('after')")
    """,
    "ordinary statements in an autocommit block": """
        op.execute("INSERT INTO items (name) VALUES ('before')")
        with op.get_context().autocommit_block():
            op.execute("UPDATE items SET note = 'x' WHERE name = 'one'")
            op.execute("INSERT INTO items (name) VALUES ('inside')")
        op.execute("INSERT INTO items (name) VALUES ('after')")
    """,
}


@pytest.mark.parametrize("engine", [Engine.REPLAY, Engine.LIVE])
@pytest.mark.parametrize("around", AROUND)
def test_one_waits_while_the_other_is_between_transactions(
    project: Project, schemas: Schemas, engine: Engine, around: str
) -> None:
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", AROUND[around])
    fleet = schemas("t1")
    project.run(fleet, "r1").require_success()
    ends: list[Done] = []
    threads = [
        threading.Thread(target=lambda: ends.append(project.run(fleet, engine=engine)))
        for _ in range(2)
    ]
    with psycopg.connect(project.url) as blocker:
        # Holds the first runner up in its autocommit block, for as long as this is open.
        blocker.execute("UPDATE t1.items SET note = 'held' WHERE name = 'one'")
        threads[0].start()
        _look(project, lambda seen: any(waits == "Lock" for _, _, waits in seen))
        known = _pids(project)
        threads[1].start()
        # The second one polls for its turn: that shows as ever new statements of its own.
        _look(project, lambda seen: len([0 for pid, _, _ in seen if pid not in known]) > 12)
        blocker.rollback()
    for thread in threads:
        thread.join(60)
    for done in ends:
        done.require_success()
    assert sorted(done.kinds["t1"] for done in ends) == ["already there", "migrated"]
    told = [w for done in ends for w in done.warnings if "waiting for another run" in w]
    assert len(told) == 1
    names = [row.split(",")[1] for row in rows(project.url, "t1", "items")]
    assert sorted(n for n in names if n in ("before", "inside", "after")) == (
        ["after", "before"] if "index" in around else ["after", "before", "inside"]
    )


Seen = set[tuple[object, ...]]
"""Process, start of its statement and what it waits for."""


def _activity(project: Project) -> Seen:
    return set(
        query(
            project.url,
            "SELECT pid, query_start, wait_event_type FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'tenancy'",
        )
    )


def _pids(project: Project) -> set[object]:
    return {pid for pid, _, _ in _activity(project)}


def _look(project: Project, enough: Callable[[Seen], bool]) -> None:
    """Look at the engine's connections until what was seen is enough."""
    seen: Seen = set()
    for _ in range(1000):
        seen |= _activity(project)
        if enough(seen):
            return
        time.sleep(0.02)
    raise AssertionError(f"not seen: {seen}")
