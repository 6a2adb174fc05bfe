"""Tenants in databases of their own, in shared tables, and in a mix of strategies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.status import read_standings
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.results import TenantResult
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl, database_of, sync_url, with_database
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import drop_database
from own_databases import names, run, tenant
from project import ODD, TWO_FACED, Project
from snapshot import query


@pytest.mark.parametrize("engine", list(Engine))
def test_each_tenant_in_a_database_of_its_own(
    shop: Project, databases: Callable[[], DatabaseUrl], engine: Engine
) -> None:
    urls = [databases() for _ in range(4)]
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    given = {"isolation_strategy": IsolationStrategy.DATABASE, "engine": engine}
    done = run(shop, fleet, **given)
    assert {r["outcome"] for r in done.values()} == {"migrated"}
    assert [r["target"].rpartition("/")[2] for r in done.values()] == [database_of(u) for u in urls]
    assert all(names(url) == [("ONE",), ("TWO",), ("THREE",)] for url in urls)
    assert query(shop.url, "SELECT to_regclass('public.items')") == [(None,)]
    again = run(shop, fleet, **given)
    assert {r["outcome"] for r in again.values()} == {"already there"}
    down = run(shop, fleet, Command.DOWNGRADE, **given)
    assert {r["to_revision"] for r in down.values()} == {"r1"}
    # Plain Alembic goes on from there.
    for url in urls:
        assert shop.plain(["public"], url=sync_url(url)) == [None]
        assert names(url) == [("ONE",), ("TWO",), ("THREE",)]


def test_a_missing_database_is_told_or_made(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    there = databases()
    missing = with_database(shop.url, database_of(there) + "_new")
    fleet = [tenant("there", database_url=there), tenant("new", database_url=missing)]
    given = {"isolation_strategy": IsolationStrategy.DATABASE}
    done = run(shop, fleet, **given)
    assert done["there"]["success"]
    assert not done["new"]["success"]
    assert "the database does not exist; create it first" in str(done["new"]["error"])
    try:
        made = run(shop, fleet, create=True, **given)
        assert made["new"]["success"], made["new"]["error"]
        assert names(missing) == [("ONE",), ("TWO",), ("THREE",)]
    finally:
        drop_database(missing)


def test_one_failing_database_is_one_failing_tenant(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    urls = [databases() for _ in range(3)]
    with psycopg.connect(urls[1], autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int)")
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    done = run(shop, fleet, isolation_strategy=IsolationStrategy.DATABASE)
    assert [r["success"] for r in done.values()] == [True, False, True]
    assert "revision r1" in str(done["t1"]["error"])
    assert "already exists" in str(done["t1"]["error"])
    assert done["t1"]["revision"] is None


def test_two_tenants_in_one_database_are_refused(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    url = databases()
    fleet = [tenant("a", database_url=url), tenant("b", database_url=url)]
    done = run(shop, fleet, isolation_strategy=IsolationStrategy.DATABASE)
    assert all("all claim the database" in str(r["error"]) for r in done.values())
    assert query(url, "SELECT to_regclass('public.items')") == [(None,)]


def test_the_database_of_everybody_is_no_tenants(shop: Project) -> None:
    fleet = [tenant("a", database_url=DatabaseUrl(shop.url))]
    done = run(shop, fleet, isolation_strategy=IsolationStrategy.DATABASE)
    assert "which is everybody's" in str(done["a"]["error"])


def test_an_unreachable_server_refuses_the_run(shop: Project) -> None:
    away = DatabaseUrl("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(ServerUnreachableError) as told:
        run(
            shop,
            [tenant("a", database_url=away)],
            isolation_strategy=IsolationStrategy.DATABASE,
        )
    assert "secret" not in str(told.value)


def test_a_template_names_the_databases(shop: Project) -> None:
    name = database_of(shop.url) + "_{identifier}"
    template = with_database(shop.url, "PLACE").replace("PLACE", name)
    try:
        done = run(
            shop,
            [tenant("one"), tenant("two")],
            create=True,
            isolation_strategy=IsolationStrategy.DATABASE,
            database_url_template=template,
        )
        assert all(r["success"] for r in done.values()), done
        assert names(template.replace("{identifier}", "two")) == [("ONE",), ("TWO",), ("THREE",)]
    finally:
        for each in ("one", "two"):
            drop_database(template.replace("{identifier}", each))


def test_shared_tables_are_migrated_once_for_all(shop: Project) -> None:
    fleet = [tenant(f"t{n}") for n in range(5)]
    done = run(shop, fleet, isolation_strategy=IsolationStrategy.RLS)
    assert [r["identifier"] for r in done.values()] == [f"t{n}" for n in range(5)]
    assert {r["outcome"] for r in done.values()} == {"migrated"}
    assert names(shop.url) == [("ONE",), ("TWO",), ("THREE",)]


def test_a_mix_of_strategies_in_one_run(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    own = databases()
    fleet = [
        tenant("gold", database_url=own),
        tenant("a"),
        tenant("b"),
        tenant("free", isolation_strategy=IsolationStrategy.RLS),
        tenant("wrong", isolation_strategy=IsolationStrategy.HYBRID),
    ]
    given: dict[str, Any] = {
        "isolation_strategy": IsolationStrategy.HYBRID,
        "premium_tenants": ("gold",),
    }
    done = run(shop, fleet, create=True, **given)
    assert {i: r["success"] for i, r in done.items()} == {
        "gold": True,
        "a": True,
        "b": True,
        "free": True,
        "wrong": False,
    }
    assert names(own) == names(shop.url) == [("ONE",), ("TWO",), ("THREE",)]
    assert query(shop.url, "SELECT count(*) FROM tenant_a.items, tenant_b.items") == [(9,)]
    config = TenancyConfig(database_url=shop.url, **given)
    standings = read_standings(History(shop.ini), open_isolation(config), RunOptions(), fleet)
    heads = {s.target.tenant.identifier: s.position.heads for s in standings}
    assert heads == {"gold": ("r2",), "a": ("r2",), "b": ("r2",), "free": ("r2",), "wrong": ()}


def test_a_tenant_of_another_strategy_than_the_fleets_is_refused(shop: Project) -> None:
    fleet = [tenant("a", isolation_strategy=IsolationStrategy.RLS)]
    done = run(shop, fleet, create=True)
    assert "set isolation_strategy to hybrid" in str(done["a"]["error"])


def roads(done: dict[str, TenantResult]) -> list[str]:
    return sorted(str(r["road"]) for r in done.values())


def test_a_replay_is_proven_on_two_equal_databases(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    urls = [databases() for _ in range(6)]
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute("CREATE TABLE odd_one (id int)")
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    given = {"isolation_strategy": IsolationStrategy.DATABASE}
    done = run(shop, fleet, **given)
    assert all(r["success"] for r in done.values()), done
    assert roads(done) == ["live", *["replay"] * 5]
    assert all(names(url) == [("ONE",), ("TWO",), ("THREE",)] for url in urls)
    done = run(shop, fleet, Command.DOWNGRADE, **given)
    assert roads(done) == ["live", *["replay"] * 5]


def test_databases_without_an_equal_take_the_live_road(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    urls = [databases() for _ in range(3)]
    for number, url in enumerate(urls):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE odd_{number} (id int)".encode())
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    done = run(shop, fleet, isolation_strategy=IsolationStrategy.DATABASE)
    assert roads(done) == ["live"] * 3
    assert all(r["success"] for r in done.values()), done


@pytest.mark.parametrize(
    ("top", "up", "told"),
    [
        (ODD, 'op.add_column("items", sa.Column("odd", Odd))', "its structure differs"),
        (
            TWO_FACED,
            'op.execute(sa.table("items", sa.column("note", TwoFaced)).update().values(note="x"))',
            "writes other rows when replayed",
        ),
    ],
    ids=["structure", "rows"],
)
def test_a_replay_that_would_lie_sends_databases_down_the_live_road(
    shop: Project, databases: Callable[[], DatabaseUrl], top: str, up: str, told: str
) -> None:
    urls = [databases() for _ in range(5)]
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    run(shop, fleet, isolation_strategy=IsolationStrategy.DATABASE)
    shop.revision("r3", "r2", up, top=top)
    config = TenancyConfig(database_url=shop.url, isolation_strategy=IsolationStrategy.DATABASE)
    started = FleetRun(History(shop.ini), open_isolation(config), RunOptions(concurrency=3))
    report = started.execute(lambda: fleet)
    (difference,) = report.differences
    assert difference.settled
    assert told in difference.message
    assert all(o.success and "live" in o.road for o in report.outcomes), report.outcomes
    seen = "SELECT to_jsonb(i) - 'id' FROM items i ORDER BY id"
    assert len({str(query(url, seen)) for url in urls}) == 1


def test_a_failing_one_of_the_pair_is_one_failing_tenant(
    shop: Project, databases: Callable[[], DatabaseUrl]
) -> None:
    urls = [databases() for _ in range(5)]
    fleet = [tenant(f"t{n}", database_url=url) for n, url in enumerate(urls)]
    given = {"isolation_strategy": IsolationStrategy.DATABASE}
    run(shop, fleet, **given)
    for url in urls[:2]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("INSERT INTO items (name) VALUES ('one')")
    shop.revision("r3", "r2", 'op.create_unique_constraint("once", "items", ["name"])')
    done = run(shop, fleet, **given)
    assert {i: r["success"] for i, r in done.items()} == {
        "t0": False,
        "t1": False,
        "t2": True,
        "t3": True,
        "t4": True,
    }
    assert "could not create unique index" in str(done["t0"]["error"])
