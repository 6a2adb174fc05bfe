"""A second interrupt reaches revisions that are in Python code, not in a statement."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.plan import Engine
from project import ITEMS, Done, Project
from snapshot import heads, snapshot

Schemas = Callable[..., list[str]]
FLEET = [f"t{n}" for n in range(6)]
TOLD = "aborted: the run was interrupted a second time; its transaction was rolled back"
WAIT = """
if current_tenant().identifier == "t1":
    sys.reached.set()
    assert sys.go_on.wait(20)
"""
ADDED = "op.execute(\"INSERT INTO items (name) VALUES ('after')\")"
DRIVER = "driver = op.get_bind().connection.driver_connection\n"
THEN = {
    "a statement": ADDED,
    "a statement whose error is caught": f"try:\n    {ADDED}\nexcept Exception:\n    pass",
    "nothing": "pass",
    "a commit": 'op.execute("COMMIT")',
    "a commit of the driver": f"{DRIVER}driver.commit()",
    "a cursor of the driver": f"{DRIVER}driver.execute('CREATE TABLE b (id int)')",
    "another cursor": f"{DRIVER}psycopg.ClientCursor(driver).execute('CREATE TABLE b (id int)')",
    "an autocommit block": f"with op.get_context().autocommit_block():\n    {ADDED}",
    "an index": "with op.get_context().autocommit_block():\n"
    '    op.execute("CREATE INDEX CONCURRENTLY ix ON items (name)")',
}


@pytest.fixture
def waiting(
    project: Project, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Engine], Done]:
    """Run a revision that waits in Python for t1, and interrupt the run twice meanwhile."""
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET).require_success()
    reached, go_on, stop = threading.Event(), threading.Event(), Stop()
    monkeypatch.setattr(sys, "reached", reached, raising=False)
    monkeypatch.setattr(sys, "go_on", go_on, raising=False)

    def ask() -> None:
        assert reached.wait(20)
        stop.request()
        stop.request()
        go_on.set()

    def run(up: str, engine: Engine) -> Done:
        top = "import sys\nimport psycopg\nfrom fastapi_tenancy import current_tenant"
        project.revision("r2", "r1", up, top=top)
        asker = threading.Thread(target=ask)
        asker.start()
        done = project.run(FLEET, engine=engine, stop=stop, concurrency=2)
        asker.join()
        return done

    return run


@pytest.mark.parametrize("then", THEN)
def test_nothing_is_sent_or_committed_any_more(
    project: Project, waiting: Callable[[str, Engine], Done], then: str
) -> None:
    before = snapshot(project.url, dump=False)
    done = waiting(
        f"op.execute(\"UPDATE items SET note = '2'\")\n{WAIT}\n{THEN[then]}", Engine.LIVE
    )
    _is_aborted(project, done)
    after = snapshot(project.url, dump=False)
    assert after.structures["t1"] == before.structures["t1"]
    assert after.rows['"t1"."items"'] == before.rows['"t1"."items"']


def test_what_is_being_rendered_is_not_sent(
    project: Project, waiting: Callable[[str, Engine], Done]
) -> None:
    _is_aborted(project, waiting(f"{WAIT}\n{ADDED}", Engine.REPLAY))


def _is_aborted(project: Project, done: Done) -> None:
    assert done.report.interrupted
    assert done.kinds["t1"] == "failed", done.outcome("t1")
    assert TOLD in (done.outcome("t1").error or "")
    assert heads(project.url, "t1") == {"r1"}
    for name, kind in done.kinds.items():
        assert heads(project.url, name) == ({"r2"} if kind == "migrated" else {"r1"})
