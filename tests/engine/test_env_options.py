"""What env.py passes to ``context.configure`` is honoured on every road."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.model.plan import Command, Engine, Road
from project import ITEMS, Project
from same import FLEET, both_roads
from snapshot import heads, query, rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
ENGINES = pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])


@ENGINES
def test_on_version_apply(
    project: Project, schemas: Schemas, copied: Copied, engine: Engine
) -> None:
    project.environment(
        "on_version_apply=applied",
        top="""
        def applied(ctx, step, heads, run_args):
            line = f"{'up' if step.is_upgrade else 'down'} {step.up_revision_id} {sorted(heads)} {run_args}"
            ctx.connection.execute(sa.text(
                "CREATE TABLE IF NOT EXISTS log (line text); INSERT INTO log VALUES ('" +
                line.replace("'", "''") + "')"))
        """,
    )
    project.revision("r1", None, ITEMS, "op.drop_table('items')")
    project.revision(
        "r2",
        "r1",
        "op.add_column('items', sa.Column('z', sa.Integer))",
        "op.drop_column('items', 'z')",
    )
    schemas(*FLEET)
    both_roads(project, copied, engine=engine)
    assert len(rows(project.url, "a4", "log")) == 2
    both_roads(project, copied, revision="base", command=Command.DOWNGRADE, engine=engine)
    assert len(rows(project.url, "a4", "log")) == 4


@ENGINES
def test_name_of_the_version_table(
    project: Project, schemas: Schemas, copied: Copied, engine: Engine
) -> None:
    project.environment("version_table='My \"versions\"', version_table_pk=False")
    project.revision("r1", None, ITEMS)
    project.revision(
        "r2", "r1", "op.get_bind().execute(sa.text('UPDATE items SET note = :n'), {'n': 'x'})"
    )
    schemas(*FLEET)
    both_roads(project, copied, engine=engine)
    assert heads(project.url, "a5", 'My "versions"') == {"r2"}
    assert query(project.url, "SELECT 1 FROM pg_class WHERE relname = 'alembic_version'") == []


@pytest.mark.parametrize("option", ["transactional_ddl=False", "transaction_per_migration=True"])
@ENGINES
def test_a_transaction_for_each_revision(
    project: Project, schemas: Schemas, copied: Copied, engine: Engine, option: str
) -> None:
    project.environment(option)
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", 'op.execute("UPDATE items SET note = pg_current_xact_id()::text")')
    project.revision(
        "r3",
        "r2",
        "op.add_column('items', sa.Column('x', sa.Text))\n"
        'op.execute("UPDATE items SET x = pg_current_xact_id()::text")',
    )
    project.revision("r4", "r3", "op.execute('SELECT 1/0')")
    schemas(*FLEET)
    copy = copied()
    done = project.run(FLEET, engine=engine)
    refused = project.plain(FLEET, url=copy)
    assert all(refused)
    assert set(done.kinds.values()) == {"failed"}
    for name in FLEET:
        assert heads(project.url, name) == heads(copy, name) == {"r3"}
        for row in rows(project.url, name, "items"):
            assert row.split(",")[2] != row.strip("()").split(",")[3]


@ENGINES
def test_one_transaction_for_all(
    project: Project, schemas: Schemas, copied: Copied, engine: Engine
) -> None:
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", "op.execute('SELECT 1/0')")
    schemas(*FLEET)
    copy = copied()
    done = project.run(FLEET, engine=engine)
    assert all(project.plain(FLEET, url=copy))
    assert set(done.kinds.values()) == {"failed"}
    for url in (project.url, copy):
        assert query(url, "SELECT 1 FROM pg_class WHERE relname = 'items'") == []


def test_the_tenants_own_schema_as_version_table_schema(
    project: Project, schemas: Schemas, copied: Copied
) -> None:
    project.environment("version_table_schema=schema")
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", "op.add_column('items', sa.Column('z', sa.Integer))")
    schemas(*FLEET)
    done = both_roads(project, copied)
    assert set(done.roads.values()) == {Road.REPLAY}
