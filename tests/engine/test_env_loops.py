"""An env.py that goes to all schemas or databases by itself works unchanged on every road."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.event import CohortStarted, Event, Warned
from fastapi_tenancy.model.plan import Command, Engine, Road
from project import ITEMS, Project
from same import FLEET, both_roads
from snapshot import heads, query, rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
ENGINES = pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.ENV])

HEAD = """
import sqlalchemy as sa
from alembic import context

url = context.config.get_main_option("sqlalchemy.url") or context.get_x_argument(True)["url"]
url = url.replace("postgresql://", "postgresql+psycopg://", 1)
engine = sa.create_engine(url)
"""
SET_PATH = """
with engine.connect() as connection:
    for schema in sa.inspect(connection).get_schema_names():
        if schema.startswith("pg_") or schema in ("public", "information_schema"):
            continue
        connection.execute(sa.text(f'SET search_path TO "{schema}"'))
        connection.commit()
        connection.dialect.default_schema_name = schema
        context.configure(connection=connection, version_table_schema=schema, OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
"""
UNCOMMITTED = """
with engine.connect() as connection:
    names = sa.inspect(connection).get_schema_names()
for schema in names:
    if not schema.startswith("a"):
        continue
    with engine.begin() as connection:
        connection.execute(sa.text(f'SET LOCAL search_path TO "{schema}"'))
        context.configure(connection=connection, OPTIONS)
        context.run_migrations()
"""
TRANSLATED = """
with engine.connect() as connection:
    names = [n for n in sa.inspect(connection).get_schema_names() if n.startswith("a")]
for schema in names:
    with engine.connect() as connection:
        connection.execute(sa.text(f'SET search_path TO "{schema}"'))
        connection.commit()
        moved = connection.execution_options(schema_translate_map={"tenant": schema})
        context.configure(connection=moved, version_table_schema=schema, OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
"""
SHAPES = pytest.mark.parametrize(
    "shape", [SET_PATH, UNCOMMITTED, TRANSLATED], ids=["set-path", "uncommitted", "translated"]
)


def write(project: Project, shape: str, options: str = "") -> None:
    text = HEAD + shape.replace("OPTIONS", options)
    (project.root / "scripts" / "env.py").write_text(text)


@pytest.fixture
def shop(project: Project, schemas: Schemas) -> Project:
    """Revisions that know no schema but through the connection they are given."""
    project.revision("r1", None, ITEMS.partition("op.execute")[0], 'op.drop_table("items")')
    project.revision(
        "r2",
        "r1",
        'items = sa.table("items", sa.column("id"), sa.column("name"))\n'
        'op.bulk_insert(items, [{"id": 1, "name": "one"}])\n'
        'op.add_column("items", sa.Column("label", sa.Text))',
        'op.drop_column("items", "label")\nop.execute(sa.table("items").delete())',
    )
    schemas(*FLEET)
    return project


@ENGINES
@SHAPES
def test_up_down_and_no_op(shop: Project, copied: Copied, shape: str, engine: Engine) -> None:
    write(shop, shape, "transaction_per_migration=False")
    done = both_roads(shop, copied, engine=engine)
    assert ({Road.ENV.value} == set(done.taken.values())) is (engine is Engine.ENV)
    assert not [e for e in done.events if isinstance(e, Warned)]
    both_roads(shop, copied, revision="r1", command=Command.DOWNGRADE, engine=engine)


@ENGINES
def test_its_options_are_honoured(shop: Project, copied: Copied, engine: Engine) -> None:
    options = "version_table='rev' if schema.startswith('a') else 'public_rev'"
    write(shop, SET_PATH.replace('"public", ', ""), options)
    shop.run(FLEET, engine=engine).require_success()
    assert heads(shop.url, "a3", "rev") == {"r2"}


def test_the_env_is_run_once_and_for_those_asked_for_only(shop: Project) -> None:
    runs = shop.root / "runs"
    write(shop, SET_PATH + f"\nwith open({str(runs)!r}, 'a') as file:\n    file.write('x')\n")
    done = shop.run(["a2", "a4"], engine=Engine.ENV).require_success()
    assert done.kinds == {"a2": "migrated", "a4": "migrated"}
    assert query(shop.url, "SELECT to_regclass('a1.items'), to_regclass('public.items')") == [
        (None, None)
    ]
    # A rehearsal ends before, at the first schema that tells nothing new.
    assert runs.read_text() == "x"


def test_relative_moves_leave_those_alone_that_are_not_asked_for(shop: Project) -> None:
    write(shop, SET_PATH)
    shop.run(FLEET, engine=Engine.ENV).require_success()
    done = shop.run(["a2"], "-1", Command.DOWNGRADE, engine=Engine.ENV).require_success()
    assert done.kinds == {"a2": "migrated"}
    assert [heads(shop.url, n) for n in ("a1", "a2", "a3")] == [{"r2"}, {"r1"}, {"r2"}]


@ENGINES
def test_one_failing_tenant_is_one_failing_tenant(shop: Project, engine: Engine) -> None:
    write(shop, SET_PATH)
    query(shop.url, "CREATE TABLE a2.items (id int)")
    query(shop.url, "CREATE TABLE a4.items (id int)")
    done = shop.run(FLEET, engine=engine)
    failed = {"a2", "a4"}
    assert done.kinds == {n: "failed" if n in failed else "migrated" for n in FLEET}
    for name in failed:
        assert (done.outcome(name).error or "").startswith("revision r1: ")
        assert 'relation "items" already exists' in (done.outcome(name).error or "")


def test_transactions_that_end_together_are_proven_together(shop: Project) -> None:
    write(
        shop,
        """
connections = []
for schema in ("a1", "a2", "a3"):
    connection = engine.connect()
    connection.begin()
    connection.execute(sa.text(f"SET LOCAL search_path TO {schema}"))
    connections.append(connection)
for connection in connections:
    context.configure(connection=connection)
    context.run_migrations()
for connection in connections:
    connection.commit()
""",
    )
    query(shop.url, "CREATE TABLE a3.items (id int)")
    done = shop.run(["a1", "a2", "a3"], engine=Engine.ENV)
    assert done.kinds == {"a1": "migrated", "a2": "migrated", "a3": "failed"}
    assert heads(shop.url, "a1") == {"r2"}


def test_a_tenant_it_does_not_come_to_is_told(shop: Project) -> None:
    write(
        shop,
        SET_PATH.replace(
            '("public", "information_schema")', '("public", "information_schema", "a5")'
        ),
    )
    done = shop.run(FLEET, engine=Engine.ENV)
    assert done.kinds == {n: "failed" if n == "a5" else "migrated" for n in FLEET}
    assert "did not come to this one" in (done.outcome("a5").error or "")
    other = shop.run(["a5"], engine=Engine.AUTO).require_success()
    (warned,) = [e.message for e in other.events if isinstance(e, Warned)]
    assert "a5 was not among them" in warned


@ENGINES
def test_missing_schemas_are_made(shop: Project, engine: Engine) -> None:
    write(shop, SET_PATH)
    shop.run([*FLEET, "anew"], engine=engine).require_success()
    assert rows(shop.url, "anew", "items") == ['(1,one,"",)']


def test_a_loop_over_many_schemas_is_left_early(shop: Project) -> None:
    seen = shop.root / "seen"
    write(
        shop,
        SET_PATH.replace(
            "    connection.commit()",
            "    connection.commit()\n"
            f"        with open({str(seen)!r}, 'a') as file:\n"
            "            file.write(schema + ' ')",
        ),
    )
    shop.run(["a1", "a2"], engine=Engine.LIVE).require_success()
    # Each of both is left after the schema behind its own.
    assert seen.read_text().split() == ["a1", "a2", "a1", "a2", "a3"]


def test_a_stop_leaves_the_rest_of_the_loop_alone(shop: Project) -> None:
    write(shop, SET_PATH)
    shop.revision("r3", "r2", "import time; time.sleep(2)")
    stop = Stop()

    def listen(event: Event) -> None:
        if isinstance(event, CohortStarted):
            threading.Timer(3.0, stop.request).start()

    done = shop.run(FLEET, engine=Engine.ENV, listener=listen, stop=stop)
    kinds = list(done.kinds.values())
    assert "skipped" in kinds
    assert "failed" not in kinds
    for name, kind in done.kinds.items():
        found = query(shop.url, f"SELECT to_regclass('{name}.items')") != [(None,)]
        assert found is (kind == "migrated")
