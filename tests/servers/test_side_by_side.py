"""Servers are worked on at the same time, each within its own budget, and stop together."""

from __future__ import annotations

import json
import re
import signal
from contextlib import ExitStack

import psycopg
import pytest

from fastapi_tenancy.testing.postgres import EmbeddedPostgres
from several_servers import SMALL, Fleet, results
from test_signals import WAITERS, WAITING, held, tell, until

COUNTING = """
op.execute("CREATE TABLE counted AS SELECT count(*) FROM pg_stat_activity"
           " WHERE application_name = 'tenancy' AND datname = current_database()")
op.execute("SELECT pg_sleep(0.05)")
"""


@pytest.fixture
def waiting(fleet: Fleet) -> Fleet:
    """Four tenants on each of two servers, whose next revision waits for a lock."""
    fleet.desk.revision("0002", "0001", "wait", WAITING, 'op.drop_table("waited")')
    fleet.live(eu=4, us=4)
    assert fleet.desk.run("upgrade", "0001").code == 0
    return fleet


def test_one_server_does_not_wait_for_another(waiting: Fleet):
    with held(waiting.on("eu")):
        running = waiting.desk.shell.start("upgrade", "0002", "--engine", "replay")
        until(running, lambda: set(waiting.stands("us").values()) == {"0002"})
        until(running, lambda: waiting.on("eu").sql(WAITERS) == [(4,)])
        assert set(waiting.stands("eu").values()) == {"0001"}
    done = running.wait()
    assert (done.code, done.out[:10]) == (0, "8 migrated")
    assert set(waiting.stands().values()) == {"0002"}


def test_each_server_has_the_whole_budget_and_no_more(fleet: Fleet):
    fleet.desk.revision("0001", None, "count", COUNTING)
    names = fleet.live(eu=9, us=9)
    done = fleet.desk.run("upgrade", "0001", "--concurrency", "3", "--engine", "live")
    assert done.code == 0, done
    for shard in ("eu", "us"):
        own = [n for n in names if n.startswith(shard)]
        each = " UNION ALL ".join(f"TABLE tenant_{n}.counted" for n in own)
        ((most,),) = fleet.on(shard).sql(f"SELECT max(count) FROM ({each}) AS c (count)")
        # Three of workers, and one that looks.
        assert 3 <= most <= 4


def test_a_server_without_room_fails_its_own_tenants(
    fleet: Fleet, third: tuple[EmbeddedPostgres, str]
):
    _, url = third
    fleet.settle(asia=url)
    fleet.live(eu=2, us=2, asia=3)
    done = fleet.desk.run("upgrade", "--create", "--concurrency", str(SMALL))
    assert done.code == 1, done
    assert done.out.startswith("4 migrated, 3 failed in ")
    assert done.out.count(f"shard asia: a concurrency of {SMALL} needs {SMALL} more") == 1
    half = fleet.desk.run("upgrade", "--create", "--concurrency", str(SMALL // 2 + 1))
    assert half.code == 0, half
    assert f"warning: shard asia: a concurrency of {SMALL // 2 + 1} takes more than" in half.err


@pytest.mark.parametrize("engine", ["replay", "live"])
def test_a_server_that_dies_meanwhile_fails_its_own_tenants(
    fleet: Fleet, third: tuple[EmbeddedPostgres, str], engine: str
):
    server, url = third
    fleet.settle(asia=url)
    fleet.desk.revision("0002", "0001", "wait", WAITING, 'op.drop_table("waited")')
    fleet.live(eu=3, us=2, asia=5)
    assert fleet.desk.run("upgrade", "0001", "--create").code == 0
    lock = psycopg.connect(url)
    lock.execute("SELECT pg_advisory_xact_lock(42)")
    with held(fleet.on("eu")):
        running = fleet.desk.shell.start(
            "upgrade", "0002", "--json", "--engine", engine, "--concurrency", "5"
        )
        until(running, lambda: fleet.on("asia").sql(WAITERS) == [(5,)])
        until(running, lambda: set(fleet.stands("us").values()) == {"0002"})
        server.stop()
        lock.close()
    done = running.wait()
    assert done.code == 1, done
    found = results(json.loads(done.out))
    assert {name for name, r in found.items() if r["success"]} == {
        "eu0",
        "eu1",
        "eu2",
        "us0",
        "us1",
    }
    assert all(r["error"] for name, r in found.items() if name.startswith("asia"))
    assert set(fleet.stands("eu", "us").values()) == {"0002"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_servers_stop_when_asked(waiting: Fleet, number: signal.Signals):
    with ExitStack() as locks:
        for shard in ("eu", "us"):
            locks.enter_context(held(waiting.on(shard)))
        running = waiting.desk.shell.start(
            "upgrade", "0002", "--engine", "replay", "--concurrency", "2"
        )
        for shard in ("eu", "us"):
            until(running, lambda shard=shard: waiting.on(shard).sql(WAITERS) == [(2,)])
        tell(running, number, "stopping: ")
    done = running.wait()
    assert done.code == 130
    assert "4 migrated, 4 skipped in " in done.out
    for shard in ("eu", "us"):
        assert list(waiting.stands(shard).values()).count("0002") == 2
    assert waiting.desk.run("upgrade", "0002").code == 0


def test_a_second_signal_aborts_on_all_servers(waiting: Fleet):
    with ExitStack() as locks:
        for shard in ("eu", "us"):
            locks.enter_context(held(waiting.on(shard)))
        running = waiting.desk.shell.start(
            "upgrade", "0002", "--engine", "live", "--concurrency", "2"
        )
        for shard in ("eu", "us"):
            until(running, lambda shard=shard: waiting.on(shard).sql(WAITERS) == [(2,)])
        tell(running, signal.SIGINT, "stopping: ")
        tell(running, signal.SIGINT, "aborting: ")
        done = running.wait()
    assert done.code == 130
    assert "4 skipped, 4 failed in " in done.out
    assert set(waiting.stands().values()) == {"0001"}


@pytest.mark.parametrize(("engine", "most"), [("auto", 2), ("live", 2)])
def test_env_py_is_run_for_one_server_and_not_for_each(fleet: Fleet, engine: str, most: int):
    fleet.follow('open("loaded", "a").write("x")\n')
    fleet.live(eu=3, us=3)
    assert fleet.desk.run("upgrade", "--engine", engine).code == 0
    assert 1 <= len((fleet.desk.folder / "loaded").read_text()) <= most


def test_an_env_py_that_fails_refuses_the_run_once(fleet: Fleet):
    fleet.live(eu=3, us=3)
    (fleet.desk.folder / "migrations" / "env.py").write_text("raise ValueError('no')\n")
    done = fleet.desk.run("upgrade")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("env.py, line 1 failed: ValueError: no. Nothing was changed") == 1
    assert fleet.stands() == {}


@pytest.mark.parametrize("engine", ["auto", "replay", "live", "env"])
def test_every_road_leads_to_each_server(fleet: Fleet, engine: str):
    fleet.follow()
    fleet.live(eu=5, us=4)
    done = fleet.desk.run("upgrade", "--engine", engine, "--concurrency", "2")
    assert done.code == 0, done
    assert set(fleet.stands().values()) == {"0003"}
    assert len(fleet.stands()) == 9
    assert fleet.desk.run("downgrade", "0001", "--yes", "--engine", engine).code == 0
    assert set(fleet.stands().values()) == {"0001"}


def test_what_changes_beside_the_tenants_is_told_with_its_server(fleet: Fleet):
    fleet.desk.revision(
        "0001", None, "outside", 'op.execute("CREATE TABLE IF NOT EXISTS public.x ()")'
    )
    fleet.live(eu=3, us=3)
    done = fleet.desk.run("upgrade", "0001", "--engine", "live")
    assert done.code == 1, done
    told = re.findall(r"^difference: (schema public \(.*?\)): ", done.out, re.MULTILINE)
    assert sorted(told) == ["schema public (shard eu)", "schema public (shard us)"]


def test_shared_tracks_fall_on_one_server_alone(fleet: Fleet, closed: str):
    fleet.settle(asia=closed)
    fleet.live(eu=1, us=1, asia=2)
    tenants = fleet.desk.folder / "tenants"
    (fleet.desk.folder / "migrations").rename(tenants)
    shared = fleet.desk.folder / "shared"
    (shared / "versions").mkdir(parents=True)
    (shared / "env.py").write_text((tenants / "env.py").read_text())
    (shared / "versions" / "s1.py").write_text(
        "from alembic import op\nrevision = 's1'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('CREATE TABLE companies ()')\n"
        "def downgrade():\n    pass\n"
    )
    (fleet.desk.folder / "alembic.ini").write_text(
        "[shared]\nscript_location = %(here)s/shared\npath_separator = os\n"
        "[tenants]\nscript_location = %(here)s/tenants\npath_separator = os\n"
    )
    (fleet.desk.folder / "tenancy.toml").write_text(
        "[tracks.shared]\nscope = 'shared'\nalembic_section = 'shared'\n"
        "[tracks.tenants]\nscope = 'tenant'\nalembic_section = 'tenants'\nafter = ['shared']\n"
    )
    found = results(fleet.desk.json("upgrade", "--create", code=1))
    assert {n for n, r in found.items() if r["success"]} == {"shared@eu", "shared@us", "eu0", "us0"}
    assert "waits for the track 'shared'" in found["asia0"]["error"]
