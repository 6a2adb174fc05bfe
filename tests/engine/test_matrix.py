"""Every strategy, every shape of env.py, every engine: one result, that of plain Alembic."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.results import results_of
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import DatabaseUrl, sync_url
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import create_database, drop_database
from project import Project
from snapshot import snapshot

STRATEGIES = ("schema", "database", "rls", "hybrid", "sqlite")
NAMES = ("t1", "t2", "t3", "t4")
PREMIUM = ("t1", "t3")
WAY = (
    (Command.UPGRADE, "r2"),
    (Command.UPGRADE, "r2"),
    (Command.UPGRADE, "head"),
    (Command.DOWNGRADE, "base"),
)
"""Up, nothing to do, a revision that fails for one tenant, down from wherever they are."""
FAILING = 2

GOES = """
    with create_engine(url, poolclass=NullPool).connect() as connection:
        if schema:
            connection.execute(text(f'SET search_path TO "{schema}"'))
            connection.commit()
            connection.dialect.default_schema_name = schema
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
HEAD = f"""
import json, pathlib
from alembic import context
from sqlalchemy import NullPool, create_engine, text

def go(url, schema):{GOES}"""
SHAPES = {
    "a": HEAD + 'x = context.get_x_argument(as_dictionary=True)\ngo(x["url"], x.get("schema"))\n',
    "b": HEAD
    + 'file = pathlib.Path(__file__).with_name("places.json")\n'
    + "for url, schema in json.loads(file.read_text()):\n    go(url, schema)\n",
    "c": "from fastapi_tenancy.migrations.env import run_migrations\n\nrun_migrations()\n",
}
TABLES = """
op.create_table(
    "items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(60)))
op.execute("INSERT INTO items (id, name) VALUES (1, 'one'), (2, 'two')")
"""
ROWS = """
items = sa.table("items", sa.column("id", sa.Integer), sa.column("name", sa.String))
for id_, name in op.get_bind().execute(sa.select(items.c.id, items.c.name)).all():
    op.execute(items.update().where(items.c.id == id_).values(name=name + name))
op.add_column("items", sa.Column("label", sa.Text))
"""


@dataclass
class Fleet:
    """Tenants in places of their own, the same for every contestant."""

    config: TenancyConfig
    tenants: list[Tenant]
    places: dict[str, tuple[str, str | None]]
    seen: Callable[[], Any]


Make = Callable[[str], Fleet]


@pytest.fixture
def make(project: Project, tmp_path: Path) -> Iterator[Make]:
    """Makes a fleet of a strategy, all empty, but for a row that t1 has twice."""
    made: list[str] = []

    def database() -> DatabaseUrl:
        made.append(str(create_database(project.url)))
        return DatabaseUrl(made[-1])

    def fleet(strategy: str) -> Fleet:
        if strategy == "sqlite":
            folder = tmp_path / f"files{len(list(tmp_path.glob('files*')))}"
            folder.mkdir()
            return _files(folder)
        return _fleet(strategy, database)

    yield fleet
    for url in made:
        drop_database(url)


def _fleet(strategy: str, database: Callable[[], DatabaseUrl]) -> Fleet:
    common = database()
    config = TenancyConfig.model_validate(
        {
            "database_url": common,
            "isolation_strategy": strategy,
            "premium_tenants": PREMIUM if strategy == "hybrid" else (),
        }
    )
    own = {"database": NAMES, "hybrid": PREMIUM}.get(strategy, ())
    tenants = [
        Tenant(id=f"id-{n}", identifier=n, database_url=database() if n in own else None)
        for n in NAMES
    ]
    places: dict[str, tuple[str, str | None]] = {}
    for tenant in tenants:
        target = open_isolation(config).target(tenant)
        places[tenant.identifier] = (str(target.address), target.schema or None)
        if target.schema:
            with psycopg.connect(common, autocommit=True) as connection:
                connection.execute(f'CREATE SCHEMA "{target.schema}"'.encode())
    urls = sorted({url for url, _ in places.values()}, key=[u for u, _ in places.values()].index)
    return Fleet(config, tenants, places, lambda: [snapshot(url, dump=False) for url in urls])


def _files(folder: Path) -> Fleet:
    config = TenancyConfig.model_validate(
        {
            "database_url": f"sqlite:///{folder}/common.db",
            "database_url_template": f"sqlite:///{folder}/{{identifier}}.db",
            "isolation_strategy": "database",
        }
    )
    files = {name: folder / f"{name}.db" for name in NAMES}
    for file in files.values():
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM")

    def seen() -> list[list[str]]:
        found = []
        for file in files.values():
            with closing(sqlite3.connect(file)) as connection:
                found.append(list(connection.iterdump()))
        return found

    tenants = [Tenant(id=f"id-{name}", identifier=name) for name in NAMES]
    return Fleet(config, tenants, {n: (f"sqlite:///{f}", None) for n, f in files.items()}, seen)


@pytest.fixture
def shop(project: Project) -> Project:
    """A revision for each road, and one that fails where a name is there twice."""
    project.revision("r1", None, TABLES, 'op.drop_table("items")')
    project.revision("r2", "r1", ROWS, 'op.drop_column("items", "label")')
    unique = 'op.create_index("once", "items", ["name"], unique=True)'
    project.revision("r3", "r2", unique, 'op.drop_index("once")')
    return project


def spoil(fleet: Fleet) -> None:
    """Give t1 a name twice, so that r3 fails there."""
    url, schema = fleet.places["t1"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
            file.execute("INSERT INTO items (id, name) VALUES (3, 'oneone'), (4, 'oneone')")
        return
    with psycopg.connect(url, autocommit=True) as connection:
        table = f'"{schema or "public"}".items'
        values = "(3, 'oneone'), (4, 'oneone')"
        connection.execute(f"INSERT INTO {table} (id, name) VALUES {values}".encode())


def plain(project: Project, fleet: Fleet) -> list[Any]:
    """What plain Alembic leaves after each step, by the env.py of shape a."""
    env = project.root / "scripts" / "env.py"
    kept, found = env.read_text(), []
    env.write_text(
        SHAPES["a"].replace('x.get("schema")', 'None if x["schema"] == "-" else x["schema"]')
    )
    for number, (command, revision) in enumerate(WAY):
        if number == FAILING:
            spoil(fleet)
        for url, schema in dict.fromkeys(fleet.places.values()):
            (error,) = project.plain_jobs(
                [(schema or "-", command.value, revision)], url=sync_url(url)
            )
            assert error is None or number == FAILING, error
        found.append(fleet.seen())
    env.write_text(kept)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_result(shop: Project, make: Make, strategy: str) -> None:
    env = shop.root / "scripts" / "env.py"
    env.write_text(SHAPES["a"])
    wanted = plain(shop, make(strategy))
    told: list[list[Any]] = []
    for shape, engine in product(SHAPES, (Engine.AUTO, Engine.LIVE, Engine.ENV)):
        fleet = make(strategy)
        env.write_text(SHAPES[shape])
        places = [(sync_url(url), s) for url, s in dict.fromkeys(fleet.places.values())]
        env.with_name("places.json").write_text(json.dumps(places))
        steps = [_step(shop, fleet, engine, number) for number in range(len(WAY))]
        for number, (report, seen) in enumerate(steps):
            assert seen == wanted[number], (shape, engine, WAY[number], report)
        told.append([report for report, _ in steps])
        assert told[-1] == told[0], (shape, engine)
    failing = {name for name, success, *_ in told[0][FAILING] if not success}
    assert failing == (set(NAMES) if strategy == "rls" else {"t1"})
    assert {outcome for _, _, outcome, *_ in told[0][1]} == {"already there"}


def _step(shop: Project, fleet: Fleet, engine: Engine, number: int) -> tuple[list[Any], Any]:
    """Take one step; what is reported, and what is there then."""
    if number == FAILING:
        spoil(fleet)
    command, revision = WAY[number]
    options = RunOptions(command=command, revision=revision, engine=engine, concurrency=2)
    run = FleetRun(History(shop.ini), open_isolation(fleet.config), options)
    report = run.execute(lambda: fleet.tenants)
    assert not [d for d in report.differences if not d.settled]
    results = [r for o in report.outcomes for r in results_of(o)]
    told = [
        (r["identifier"], r["success"], r["outcome"], r["from_revision"], r["to_revision"])
        for r in results
    ]
    return sorted(told), fleet.seen()
