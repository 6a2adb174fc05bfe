"""A server that is down fails its own tenants only, quickly, and says so once."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from dataclasses import replace

import pytest

from fastapi_tenancy.testing.postgres import EmbeddedPostgres
from several_servers import Fleet, results
from test_signals import WAITERS, WAITING, held, until

DEAD = "shard asia: the server 127.0.0.1:"


@pytest.fixture
def crippled(fleet: Fleet, closed: str) -> Fleet:
    """Twelve tenants on a server that is down, and some on two that are not."""
    fleet.settle(asia=closed)
    fleet.live(eu=3, us=2, asia=12)
    return fleet


def test_the_others_are_migrated_and_it_is_told_once(crippled: Fleet):
    done = crippled.desk.run("upgrade")
    assert done.code == 1, done
    assert done.out.startswith("5 migrated, 12 failed in ")
    assert done.out.count(DEAD) == 1
    assert "asia0, asia1, asia2" in done.out
    assert "and 2 more (--json lists all)" in done.out
    assert "check that the server runs and that host and port in its URL are right" in done.out
    assert "hush" not in done.out + done.err
    assert set(crippled.stands("eu", "us").values()) == {"0003"}
    document = crippled.desk.json("upgrade", code=1)
    assert (document["succeeded"], document["failed"]) == (5, 12)
    errors = {r["error"] for r in results(document).values() if not r["success"]}
    assert len(errors) == 1


@pytest.mark.parametrize("engine", ["env", "live"])
def test_whatever_the_road(crippled: Fleet, engine: str):
    crippled.follow()
    done = crippled.desk.run("upgrade", "0001", "--engine", engine)
    assert done.code == 1, done
    assert done.out.count(DEAD) == 1


def test_who_only_looks_sees_the_others(crippled: Fleet):
    assert crippled.desk.run("upgrade").code == 1
    status = crippled.desk.run("status")
    assert status.code == 1
    assert "17 tenants; the scripts' head: 0003" in status.out
    assert re.search(r"^at head +5$", status.out, re.MULTILINE)
    assert f"12 tenants not looked at: {DEAD}" in status.out
    document = crippled.desk.json("status", code=1)
    assert document["unreachable"][0]["tenants"] == 12
    assert document["refused"] == 12
    current = crippled.desk.run("current")
    assert current.code == 1
    assert "eu2      tenant_eu2   0003" in current.out
    assert "tenant_asia" not in current.out
    assert current.out.count(DEAD) == 1
    assert "not looked at: asia0, asia1" in current.out
    rows = crippled.desk.json("current", code=1)["tenants"]
    assert [r["identifier"] for r in rows if r.get("unreachable")] == [
        f"asia{n}" for n in range(12)
    ]


def test_a_plan_is_made_for_the_others(crippled: Fleet):
    planned = crippled.desk.run("upgrade", "--dry-run")
    assert planned.code == 1
    assert "5 tenants from unversioned to 0003:" in planned.out
    assert planned.out.count(DEAD) == 1
    assert "nothing was changed (--dry-run)" in planned.out
    written = crippled.desk.run("upgrade", "0002", "--sql")
    assert written.code == 1
    assert written.out.count("\\connect") == 2
    assert written.err.count(DEAD) == 1
    assert crippled.stands("eu", "us") == {}


def test_downgrading_asks_for_the_others(crippled: Fleet):
    assert crippled.desk.run("upgrade").code == 1
    refused = crippled.desk.run("downgrade", "0001")
    assert refused.code == 2
    assert "this would downgrade 5 tenants (5 from 0003 to 0001)" in refused.err
    assert crippled.desk.run("downgrade", "0001", "--yes").code == 1
    assert set(crippled.stands("eu", "us").values()) == {"0001"}


def test_where_all_are_down_each_says_so(fleet: Fleet, closed: str):
    fleet.settle(eu=closed, us=closed.replace("127.0.0.1", "localhost"))
    fleet.live(eu=0, us=0, schemas=False)
    (fleet.desk.folder / "tenants.csv").write_text("identifier,shard\na,eu\nb,us\nc,us\n")
    assert fleet.desk.run("tenants", "import", "tenants.csv").code == 0
    done = fleet.desk.run("upgrade")
    assert done.code == 1
    assert done.out.startswith("3 failed in ")
    assert done.out.count("cannot be reached: ") == 2


def test_where_nobody_lives_elsewhere_it_refuses_the_run(crippled: Fleet):
    chosen = [argument for n in range(12) for argument in ("--tenant", f"asia{n}")]
    for command in ("upgrade", "status"):
        done = crippled.desk.run(command, *chosen)
        assert done.code == 2
        assert done.err.count("cannot connect to postgresql://u:***@127.0.0.1:") == 1


def test_one_that_never_answers_is_asked_once(fleet: Fleet, silent: tuple[str, socket.socket]):
    url, listening = silent
    fleet.settle(asia=url)
    fleet.desk.shell.environment["TENANCY_CONNECT_TIMEOUT_S"] = "2"
    fleet.live(eu=2, us=1, asia=30)
    done = fleet.desk.run("upgrade")
    assert done.code == 1
    assert done.out.startswith("3 migrated, 30 failed in ")
    assert "connection timeout expired" in done.out
    assert _arrived(listening) == 1


@pytest.mark.parametrize("strategy", ["database", "rls"])
def test_under_other_strategies_too(fleet: Fleet, silent: tuple[str, socket.socket], strategy: str):
    url, listening = silent
    fleet.settle(asia=url)
    fleet.desk.shell.environment |= {
        "TENANCY_CONNECT_TIMEOUT_S": "2",
        "TENANCY_ISOLATION_STRATEGY": strategy,
        "TENANCY_SCHEMA_PREFIX": f"{fleet.urls['eu'].rpartition('/')[2].partition('?')[0]}_",
    }
    fleet.live(eu=1, us=1, asia=20, schemas=False)
    try:
        done = fleet.desk.run("upgrade", "--create")
        assert done.code == 1, done
        assert "2 migrated, 20 failed in " in done.out
        assert done.out.count(DEAD) == 1
        assert _arrived(listening) == 1
    finally:
        for shard in ("eu", "us"):
            desk = fleet.on(shard)
            like = desk.shell.environment["TENANCY_SCHEMA_PREFIX"]
            found = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{like}')"
            for (name,) in desk.sql(found):
                desk.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def _arrived(listening: socket.socket) -> int:
    """How many connections were asked for."""
    listening.setblocking(False)
    count = 0
    while True:
        try:
            arrived, _ = listening.accept()
        except BlockingIOError:
            return count
        arrived.close()
        count += 1


def test_one_that_stops_answering_meanwhile_is_given_up(
    fleet: Fleet, third: tuple[EmbeddedPostgres, str]
):
    """Its postmaster sleeps: who is connected goes on, and nobody else is let in."""
    _, url = third
    fleet.settle(asia=url)
    fleet.desk.shell.environment |= {
        "TENANCY_CONNECT_TIMEOUT_S": "2",
        "TENANCY_RECYCLE_AFTER": "1",
        "TENANCY_CONCURRENCY": "2",
    }
    fleet.desk.revision("0002", "0001", "wait", WAITING, 'op.drop_table("waited")')
    fleet.live(eu=2, us=1, asia=40)
    assert fleet.desk.run("upgrade", "0001", "--create").code == 0
    with held(replace(fleet.desk, url=url)):
        running = fleet.desk.shell.start("upgrade", "0002", "--json", "--engine", "live")
        until(running, lambda: fleet.on("asia").sql(WAITERS) == [(2,)])
        postmaster = int(
            fleet.on("asia").sql("SELECT pg_read_file('postmaster.pid')")[0][0].split()[0]
        )
        os.kill(postmaster, signal.SIGSTOP)
    try:
        done = running.wait()
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert done.code == 1, done
    errors = [r["error"] for n, r in results(json.loads(done.out)).items() if n.startswith("asia")]
    given_up = [e for e in errors if e and "the server has stopped answering: conn" in e]
    # Two were under way; of the others each worker asks for a connection of its own twice.
    assert len(given_up) >= 40 - 2 - 2 * 2 - 1
    assert set(fleet.stands("eu", "us").values()) == {"0002"}
