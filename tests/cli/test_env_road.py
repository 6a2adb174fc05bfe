"""``--engine env`` from the command line: what is printed stays aside, and a Ctrl-C is no tenant's."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest

from cli_desk import Desk
from test_json import NOISE, SAID
from test_signals import WAITING, held, tell, until

ENV = """\
import sqlalchemy as sa
from alembic import context

x = context.get_x_argument(as_dictionary=True)
engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=sa.NullPool)
with engine.connect() as connection:
    connection.execute(sa.text(f'SET search_path TO "{x["schema"]}"'))
    connection.commit()
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def own(desk: Desk) -> Desk:
    """A project whose env.py goes to the tenant's schema."""
    (desk.folder / "migrations" / "env.py").write_text(ENV)
    desk.add("acme", "bolt", "crux")
    return desk


def test_nothing_else_reaches_stdout(own: Desk) -> None:
    (own.folder / "migrations" / "env.py").write_text(NOISE + ENV)
    own.revision("0004", "0003", "noise", NOISE)
    done = own.run("upgrade", "--json", "--engine", "env")
    assert done.code == 0, done.err
    assert {r["road"] for r in json.loads(done.out)["results"]} == {"env"}
    for said in SAID:
        assert said in done.err


def test_what_is_told_of_it(own: Desk) -> None:
    dry = own.run("upgrade", "--engine", "env", "--dry-run")
    assert dry.code == 0
    assert "asked for with --engine env" in dry.out
    sql = own.run("upgrade", "--engine", "env", "--sql")
    assert sql.code == 2
    assert "--sql cannot show what env.py does" in sql.err
    done = own.run("upgrade", "--engine", "env")
    assert done.code == 0
    assert "roads: 3 env" in done.out
    (own.folder / "tenancy.toml").write_text('engine = "env"\n')
    assert "asked for with --engine env" in own.run("explain").out


def test_a_project_that_knows_no_tenants_is_told_what_is_missing(desk: Desk) -> None:
    desk.add("acme", "bolt")
    done = desk.run("upgrade", "--engine", "env")
    assert done.code == 1
    assert "env.py goes to schema 'public' of database" in done.out
    assert desk.sql("SELECT to_regclass('public.notes')") == [(None,)]


@pytest.mark.parametrize("twice", [False, True])
def test_ctrl_c_lets_tenants_in_flight_finish_or_roll_back(
    fleet: Callable[..., Desk], twice: bool
) -> None:
    desk = fleet("t0", "t1", "t2", "t3", at="0001")
    (desk.folder / "migrations" / "env.py").write_text(ENV)
    desk.revision("0002", "0001", "wait", WAITING, 'op.drop_table("waited")')
    waiters = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with held(desk):
        running = desk.shell.start("upgrade", "0002", "--engine", "env", "--concurrency", "1")
        until(running, lambda: desk.sql(waiters) == [(True,)])
        tell(running, signal.SIGINT, "stopping: ")
        if twice:
            running.signal(signal.SIGINT)
            done = running.wait()
    done = running.wait() if not twice else done
    assert done.code == 130
    stands = sorted(desk.stands().values())
    assert stands == (["0001"] * 4 if twice else ["0001"] * 3 + ["0002"])
    assert ("3 skipped, 1 failed" if twice else "1 migrated, 3 skipped") in done.out
    if twice:
        assert "aborted: the run was interrupted a second time" in done.out
