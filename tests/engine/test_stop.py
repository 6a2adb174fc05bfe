"""A run that is asked to stop: what is in flight ends as asked, what waits is left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.event import CohortStarted, Event, TargetFinished
from fastapi_tenancy.model.plan import Engine, ProofLevel
from project import ITEMS, Done, Project
from snapshot import heads, query

Schemas = Callable[..., list[str]]
FLEET = [f"t{n}" for n in range(8)]


@pytest.fixture
def seeded(project: Project, schemas: Schemas) -> Project:
    """Tenants at r1, and a second revision that waits for whoever keeps ``items`` locked."""
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET).require_success()
    project.revision("r2", "r1", 'op.add_column("items", sa.Column("size", sa.Integer))')
    return project


@contextmanager
def locked(url: str) -> Iterator[Callable[[], None]]:
    """Keep the first two tenants' tables locked until the block ends or the gift is called."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE t0.items, t1.items IN ACCESS EXCLUSIVE MODE")
        yield connection.rollback


def waiting(url: str) -> bool:
    """True when both workers wait for a lock."""
    found = query(
        url,
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()",
    )
    return len(found) == 2


def when_waiting(url: str, action: Callable[[], None]) -> threading.Thread:
    """Do ``action`` once both workers wait."""

    def wait() -> None:
        while not waiting(url):
            pass
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def run(project: Project, stop: Stop, engine: Engine) -> Done:
    # Reading structures would wait for the lock before anything is in flight.
    proof = ProofLevel.REVISION
    return project.run(FLEET, stop=stop, engine=engine, proof=proof, concurrency=2)


@pytest.mark.parametrize("engine", [Engine.REPLAY, Engine.LIVE, Engine.ENV])
def test_the_first_request_lets_targets_in_flight_finish(seeded: Project, engine: Engine) -> None:
    stop = Stop()
    with locked(seeded.url) as unlock:

        def ask() -> None:
            stop.request()
            unlock()

        asker = when_waiting(seeded.url, ask)
        done = run(seeded, stop, engine)
        asker.join()
    assert done.report.interrupted
    assert done.kinds == {n: "migrated" if n in ("t0", "t1") else "skipped" for n in FLEET}
    for name, kind in done.kinds.items():
        at = "r2" if kind == "migrated" else "r1"
        assert heads(seeded.url, name) == {at}
        assert done.outcome(name).from_heads == ("r1",)
        assert done.outcome(name).to_heads == (at,)
    rest = seeded.run(FLEET).require_success()
    migrated = {n for n, k in done.kinds.items() if k == "migrated"}
    assert {n for n, k in rest.kinds.items() if k == "already there"} == migrated


@pytest.mark.parametrize("engine", [Engine.REPLAY, Engine.LIVE, Engine.ENV])
def test_the_second_request_rolls_them_back(seeded: Project, engine: Engine) -> None:
    stop = Stop()

    def ask() -> None:
        stop.request()
        stop.request()

    with locked(seeded.url):
        asker = when_waiting(seeded.url, ask)
        done = run(seeded, stop, engine)
        asker.join()
    assert done.report.interrupted
    assert done.kinds == {n: "failed" if n in ("t0", "t1") else "skipped" for n in FLEET}
    told = "aborted: the run was interrupted a second time; its transaction was rolled back"
    assert all(told in (done.outcome(name).error or "") for name in ("t0", "t1"))
    assert "timeout" not in str([o.error for o in done.report.outcomes])
    assert all(heads(seeded.url, name) == {"r1"} for name in FLEET)
    seeded.run(FLEET).require_success()


def test_a_request_before_the_start_starts_nothing(seeded: Project) -> None:
    stop = Stop()
    stop.request()
    done = run(seeded, stop, Engine.AUTO)
    assert set(done.kinds.values()) == {"skipped"}
    assert not [e for e in done.events if isinstance(e, CohortStarted)]


def test_a_listener_may_ask(seeded: Project) -> None:
    stop = Stop()

    def listen(event: Event) -> None:
        if isinstance(event, TargetFinished):
            stop.request()

    done = seeded.run(FLEET, listener=listen, stop=stop, concurrency=1)
    assert sorted(done.kinds.values()).count("migrated") <= 2
    assert done.report.interrupted
