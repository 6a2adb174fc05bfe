"""An import is saved as a whole: interrupted, refused by the database, or very long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cli_desk import Desk
from cli_process import PATIENCE_S, Running
from cli_terminal import terminal

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
WAITERS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def many(desk: Desk) -> Desk:
    """A list of one, and a file with many more."""
    desk.add("acme", schemas=False)
    rows = "".join(f"t{n},postgresql://u:hush@h/d{n}\n" for n in range(2000))
    (desk.folder / "many.csv").write_text("identifier,database_url\n" + rows)
    return desk


def saved(desk: Desk) -> int:
    return int(desk.sql("SELECT count(*) FROM tenants")[0][0])


@contextmanager
def held(desk: Desk) -> Iterator[None]:
    """Let nobody write the list meanwhile."""
    with psycopg.connect(desk.url) as connection:
        connection.execute("LOCK TABLE tenants IN SHARE MODE")
        yield


def until(running: Running, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert running.process.is_alive(), running.wait()
        assert time.monotonic() < end, running.err.read_text()
        time.sleep(0.02)


@SIGNALS
def test_an_interrupted_import_keeps_nobody(many: Desk, number: signal.Signals):
    with held(many):
        running = many.shell.start("tenants", "import", "many.csv")
        until(running, lambda: many.sql(WAITERS) == [(1,)])
        running.signal(number)
        until(running, lambda: "stopping: " in running.err.read_text())
    done = running.wait()
    assert (done.code, done.out) == (130, "")
    assert "error: interrupted; nothing was changed" in done.err
    assert saved(many) == 1
    assert many.run("tenants", "import", "many.csv").code == 0
    assert saved(many) == 2001


@SIGNALS
def test_a_second_signal_ends_it_where_it_waits(many: Desk, number: signal.Signals):
    with held(many):
        running = many.shell.start("tenants", "import", "many.csv")
        until(running, lambda: many.sql(WAITERS) == [(1,)])
        running.signal(number)
        until(running, lambda: "stopping: " in running.err.read_text())
        running.signal(number)
        assert running.wait().code == -number
    assert saved(many) == 1


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 0)])
def test_a_list_is_typed_in_until_its_end_or_ctrl_c(many: Desk, key: str, code: int):
    with terminal(many, "tenants", "import", "-", "--format", "csv") as seen:
        seen.type("identifier\nbolt\n")
        seen.wait_for("bolt")
        seen.type(key)
        assert seen.wait(pressing=key).code == code, seen.seen
    assert ("interrupted; nothing was changed" in seen.seen) is (code == 130)
    assert saved(many) == (1 if code else 2)


def test_whom_the_database_refuses_takes_all_back(many: Desk):
    many.sql("ALTER TABLE tenants ADD CHECK (identifier <> 't1999')")
    done = many.run("tenants", "import", "many.csv")
    assert (done.code, done.out) == (2, "")
    assert "its table has rules of its own. Nothing was changed" in " ".join(done.err.split())
    assert "hush" not in done.err
    assert saved(many) == 1


def test_somebody_else_adds_a_tenant_meanwhile(many: Desk):
    with psycopg.connect(many.url) as connection:
        connection.execute("INSERT INTO tenants (id, identifier) VALUES ('x', 't1500')")
        running = many.shell.start("tenants", "import", "many.csv")
        until(running, lambda: many.sql(WAITERS) == [(1,)] or _waits_for_row(many))
    done = running.wait()
    assert done.code == 2
    assert "tenant 't1500' exists already" in done.err
    assert saved(many) == 2


def _waits_for_row(desk: Desk) -> bool:
    return bool(desk.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_ten_thousand_tenants_in_little_memory(desk: Desk):
    rows = "".join(f"t{n},Tenant {n},tier=gold;n={n}\n" for n in range(10_000))
    (desk.folder / "many.csv").write_text("identifier,name,tags\n" + rows)
    assert _peak_mib(desk, "tenants", "import", "many.csv") < 200
    assert saved(desk) == 10_000
    again = desk.json("tenants", "import", "many.csv", "--update")
    assert (len(again["unchanged"]), again["changed"]) == (10_000, [])


PEAK = """
import atexit, pathlib, runpy, sys
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: pathlib.Path("peak").write_text(status.read_text()))
sys.argv[0] = "tenancy"
runpy.run_module("fastapi_tenancy", run_name="__main__")
"""


def _peak_mib(desk: Desk, *arguments: str) -> float:
    """Run the command in a process of its own, and have it say how much memory it took.

    What a parent is told of its child counts the parent's own memory, from before the child began.
    """
    environment = {**os.environ, **desk.shell.environment}
    command = [sys.executable, "-c", PEAK, *arguments]
    subprocess.run(command, cwd=desk.folder, env=environment, check=True)
    lines = (desk.folder / "peak").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / 1024
