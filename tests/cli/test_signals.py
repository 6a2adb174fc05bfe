"""Ctrl-C and SIGTERM on a real run: tenants in flight finish, or roll back, and the report is told."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from cli_desk import Desk
from cli_process import PATIENCE_S, Running

FLEET = tuple(f"t{n}" for n in range(8))
IN_FLIGHT = 2
WAITING = """
op.execute("SELECT pg_advisory_xact_lock_shared(42)")
op.create_table("waited", sa.Column("id", sa.Integer))
"""
WAITERS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def waiting(fleet: Callable[..., Desk]) -> Desk:
    """A fleet whose next revision waits for a lock."""
    desk = fleet(*FLEET, at="0001")
    desk.revision("0002", "0001", "wait", WAITING, 'op.drop_table("waited")')
    return desk


@contextmanager
def held(desk: Desk) -> Iterator[None]:
    """Hold the lock that the revision waits for."""
    with psycopg.connect(desk.url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(42)")
        yield


def start(desk: Desk, *more: str) -> Running:
    """Start the upgrade, and return when as many tenants as may be are in flight."""
    running = desk.shell.start(
        "upgrade", "0002", "--engine", "replay", "--concurrency", str(IN_FLIGHT), *more
    )
    until(running, lambda: desk.sql(WAITERS) == [(IN_FLIGHT,)])
    return running


def until(running: Running, condition: Callable[[], bool]) -> None:
    """Wait for something to become true while the command runs."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert running.process.is_alive(), running.wait()
        assert time.monotonic() < end, running.err.read_text()
        time.sleep(0.02)


def tell(running: Running, number: signal.Signals, answer: str) -> None:
    """Send a signal and wait until it was understood."""
    running.signal(number)
    until(running, lambda: answer in running.err.read_text())


@BOTH
def test_the_first_lets_tenants_in_flight_finish(waiting: Desk, number: signal.Signals):
    with held(waiting):
        running = start(waiting)
        tell(running, number, "stopping: ")
    done = running.wait()
    assert done.code == 130
    assert "2 migrated, 6 skipped in " in done.out
    assert "interrupted; run the same command again to go on" in done.out
    assert "not started: the run was interrupted" in done.out
    assert list(waiting.stands().values()).count("0002") == IN_FLIGHT
    again = waiting.run("upgrade", "0002")
    assert again.code == 0
    assert set(waiting.stands().values()) == {"0002"}


@BOTH
def test_the_second_rolls_them_back(waiting: Desk, number: signal.Signals):
    with held(waiting):
        running = start(waiting)
        tell(running, number, "stopping: ")
        running.signal(number)
        # The lock is still held: only an abort ends the wait.
        done = running.wait()
    assert done.code == 130
    assert "aborting: " in done.err
    assert "6 skipped, 2 failed in " in done.out
    assert done.out.index("failed: t") < done.out.index("skipped: t")
    assert set(waiting.stands().values()) == {"0001"}
    assert waiting.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'waited'") == [(0,)]
    assert waiting.run("upgrade", "0002").code == 0


def test_the_document_is_printed_whole(waiting: Desk):
    with held(waiting):
        running = start(waiting, "--json")
        tell(running, signal.SIGINT, "stopping: ")
    done = running.wait()
    document = json.loads(done.out)
    assert done.code == 130
    assert document["interrupted"] is True
    assert (document["total"], document["succeeded"], document["skipped"]) == (8, IN_FLIGHT, 6)
    assert {r["outcome"] for r in document["results"]} == {"migrated", "skipped"}


def test_the_third_ends_what_nothing_else_can(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0002")
    mark = desk.folder / "stuck"
    stuck = f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(600)"
    desk.revision("0003", "0002", "stuck in Python", f"{stuck}\nop.get_bind()")
    running = desk.shell.start("upgrade", "--engine", "live")
    until(running, mark.exists)
    tell(running, signal.SIGTERM, "stopping: ")
    tell(running, signal.SIGTERM, "aborting: ")
    running.signal(signal.SIGTERM)
    assert running.wait().code == -signal.SIGTERM
    assert desk.stands() == {"acme": "0002"}


def test_a_command_that_only_looks_ends_at_once(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0001")
    with psycopg.connect(desk.url) as connection:
        connection.execute("LOCK TABLE tenant_acme.alembic_version")
        running = desk.shell.start("current", "--json")
        until(running, lambda: desk.sql(WAITERS) == [(1,)])
        running.signal(signal.SIGINT)
        done = running.wait()
    assert done.code == 130
    assert json.loads(done.out) == {"error": "interrupted; nothing was changed"}


def test_ctrl_c_ends_explain(fleet: Callable[..., Desk]):
    desk = fleet("acme")
    mark = desk.folder / "began"
    up = f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(600)"
    desk.revision("0004", "0003", "long", up)
    running = desk.shell.start("explain")
    until(running, mark.exists)
    running.signal(signal.SIGINT)
    done = running.wait()
    assert done.code == 130
    assert done.err == "error: interrupted; nothing was changed\n"
