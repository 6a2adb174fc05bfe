"""Projects as they are, with env.py as their documentation has it: the same on every road."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fastapi_tenancy.model.plan import Command, Engine
from project import Project
from same import both_roads
from snapshot import query, rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
FLEET = ("a1", "a2", "a3")
ENGINES = pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.ENV])

COOKBOOK = """
from sqlalchemy import engine_from_config, pool, text
from alembic import context

config = context.config
url = context.get_x_argument(as_dictionary=True).get("url")
if url:
    config.set_main_option("sqlalchemy.url", url.replace("postgresql://", "postgresql+psycopg://", 1).replace("%", "%%"))


def run_migrations_online():
    connectable = engine_from_config(
        config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=pool.NullPool
    )
    current_tenant = context.get_x_argument(as_dictionary=True).get("tenant")
    with connectable.connect() as connection:
        connection.execute(text('set search_path to "%s"' % current_tenant))
        connection.commit()
        connection.dialect.default_schema_name = current_tenant
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("no offline mode")
else:
    run_migrations_online()
"""
ATTRIBUTES = """
import sqlalchemy as sa
from alembic import context

config = context.config
x = context.get_x_argument(as_dictionary=True)
schema = config.attributes.get("schema", x.get("schema"))
connectable = config.attributes.get("connection", None)
if connectable is None:
    url = config.attributes.get("url", x.get("url"))
    connectable = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
with connectable.connect() as connection:
    connection.execute(sa.text("SELECT set_config('search_path', :path, false)"), {"path": schema})
    connection.commit()
    context.configure(connection=connection, version_table_schema=schema, include_schemas=True)
    with context.begin_transaction():
        context.run_migrations()
"""
MAPPED = """
import sqlalchemy as sa
from alembic import context

x = context.get_x_argument(as_dictionary=True)
engine = sa.create_engine(
    x["url"].replace("postgresql://", "postgresql+psycopg://", 1),
    connect_args={"options": f"-csearch_path={x['schema']}"},
    execution_options={"schema_translate_map": {"tenant": x["schema"]}},
)
with engine.connect() as connection:
    context.configure(connection=connection, version_table_schema=x["schema"])
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC = """
import asyncio
from logging.config import fileConfig

from sqlalchemy import pool, text
from sqlalchemy.ext.asyncio import async_engine_from_config
from alembic import context

config = context.config
x = context.get_x_argument(as_dictionary=True)
config.set_main_option("sqlalchemy.url", x["url"].replace("postgresql://", "postgresql+psycopg://", 1).replace("%", "%%"))


def do_run_migrations(connection):
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()


async def run_async_migrations():
    connectable = async_engine_from_config(
        config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool
    )
    async with connectable.connect() as connection:
        await connection.execute(text(f'SET search_path TO "{x["schema"]}"'))
        await connection.commit()
        await connection.run_sync(do_run_migrations)
    await connectable.dispose()


def run_migrations_online():
    asyncio.run(run_async_migrations())


if context.is_offline_mode():
    raise SystemExit("no offline mode")
else:
    run_migrations_online()
"""

PLAIN = (
    """
    op.create_table("items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.execute("INSERT INTO items (name) VALUES ('one'), ('two')")
    """,
    "op.drop_table('items')",
    """
    op.add_column("items", sa.Column("label", sa.Text))
    for key, name in op.get_bind().execute(sa.text("SELECT id, name FROM items")).all():
        op.get_bind().execute(
            sa.text("UPDATE items SET label = :label WHERE id = :id"), {"label": name.upper(), "id": key})
    op.create_index("ix_label", "items", ["label"])
    """,
    "op.drop_index('ix_label')\nop.drop_column('items', 'label')",
)
TENANT = (
    """
    op.create_table(
        "items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text), schema="tenant")
    items = sa.Table("items", sa.MetaData(), sa.Column("name", sa.Text), schema="tenant")
    op.get_bind().execute(sa.insert(items), [{"name": "one"}, {"name": "two"}])
    """,
    "op.drop_table('items', schema='tenant')",
    """
    items = sa.Table("items", sa.MetaData(), sa.Column("name", sa.Text), schema="tenant")
    op.get_bind().execute(sa.update(items).values(name=sa.func.upper(items.c.name)))
    """,
    "pass",
)
QUALIFIED = (
    """
    schema = context.get_x_argument(as_dictionary=True)["schema"]
    op.create_table(
        "items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text), schema=schema)
    op.execute(f'INSERT INTO "{schema}".items (name) VALUES (\\'{schema}\\')')
    """,
    "op.drop_table('items', schema=context.get_x_argument(as_dictionary=True)['schema'])",
    """
    schema = context.get_x_argument(as_dictionary=True)["schema"]
    op.add_column("items", sa.Column("label", sa.Text), schema=schema)
    op.create_index("ix_label", "items", ["label"], schema=schema)
    """,
    "op.drop_column('items', 'label', schema=context.get_x_argument(as_dictionary=True)['schema'])",
)


@dataclass(frozen=True)
class Shape:
    """An env.py, and two revisions as such projects write them."""

    env: str
    revisions: tuple[str, str, str, str] = PLAIN


SHAPES = {
    "cookbook": Shape(COOKBOOK),
    "attributes": Shape(ATTRIBUTES),
    "translate-map": Shape(MAPPED, TENANT),
    "qualified": Shape(ATTRIBUTES, QUALIFIED),
    "async": Shape(ASYNC),
    "asyncpg": Shape(ASYNC.replace("+psycopg:", "+asyncpg:")),
    "psycopg2": Shape(COOKBOOK.replace("+psycopg:", "+psycopg2:")),
}


@ENGINES
@pytest.mark.parametrize("name", SHAPES)
def test_up_no_op_and_down(
    project: Project, schemas: Schemas, copied: Copied, name: str, engine: Engine
) -> None:
    shape = SHAPES[name]
    (project.root / "scripts" / "env.py").write_text(shape.env)
    first, undo_first, second, undo_second = shape.revisions
    project.revision("r1", None, first, undo_first)
    project.revision("r2", "r1", second, undo_second)
    schemas(*FLEET)
    done = both_roads(project, copied, FLEET, engine=engine)
    assert (set(done.taken.values()) == {"env"}) is (engine is Engine.ENV)
    assert all(rows(project.url, n, "items") for n in FLEET)
    both_roads(project, copied, FLEET, revision="r1", command=Command.DOWNGRADE, engine=engine)
    assert query(project.url, "SELECT to_regclass('public.items')") == [(None,)]
