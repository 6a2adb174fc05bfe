"""What a tenant's revision puts where all tenants see it; and version tables that are not the tenant's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.engine.contested import contested
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Engine, Move
from project import ITEMS, Project
from snapshot import heads, query

Schemas = Callable[..., list[str]]
FLEET = [f"t{n}" for n in range(8)]
ENGINES = pytest.mark.parametrize("engine", list(Engine))
REPLACED = """
op.execute("CREATE OR REPLACE FUNCTION public.shout(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)'")
op.execute("SELECT pg_sleep(0.05)")
op.execute("UPDATE items SET note = public.shout(name)")
"""
MADE_ONCE = """
op.execute('''
    DO $$ BEGIN
        IF to_regtype('public.mood') IS NULL THEN
            PERFORM pg_sleep(0.05);
            CREATE TYPE public.mood AS ENUM ('sad', 'happy');
        END IF;
    END $$''')
op.execute("ALTER TABLE items ADD COLUMN mood public.mood DEFAULT 'sad'")
"""
EXTENSION = """
op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public")
op.execute("SELECT pg_sleep(0.02)")
op.create_index("ix_name", "items", [sa.text("name gin_trgm_ops")], postgresql_using="gin")
"""


@pytest.fixture
def seeded(project: Project, schemas: Schemas) -> Project:
    """Tenants at r1."""
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET, engine=Engine.REPLAY).require_success()
    return project


@ENGINES
@pytest.mark.parametrize(
    "up", [REPLACED, MADE_ONCE, EXTENSION], ids=["function", "type", "extension"]
)
def test_what_all_tenants_share_is_not_fought_over(
    seeded: Project, engine: Engine, up: str
) -> None:
    if up is EXTENSION and not query(
        seeded.url, "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
    ):
        pytest.skip("this server has no pg_trgm")
    seeded.revision("r2", "r1", up)
    done = seeded.run(FLEET, engine=engine, concurrency=8)
    assert set(done.kinds.values()) == {"migrated"}, [o.error for o in done.report.outcomes]
    assert all(heads(seeded.url, name) == {"r2"} for name in FLEET)


@pytest.mark.parametrize(
    ("up", "found"),
    [
        (REPLACED, True),
        (MADE_ONCE, True),
        (EXTENSION, True),
        (
            "op.add_column('items', sa.Column('m', sa.Enum('a', 'b', name='m', schema='public')))",
            True,
        ),
        (
            "op.create_table('p', sa.Column('n', sa.String(9), sa.ForeignKey(str('q.n'))),"
            "\n    schema='public', if_not_exists=True)",
            True,
        ),
        ("op.execute('CREATE TYPE mood AS ENUM (1)')", False),
        (
            "op.create_foreign_key('f', 'items', 'plans', ['a'], ['id'], referent_schema='public')",
            False,
        ),
        ("op.execute('UPDATE items SET a = (SELECT count(*) FROM public.plans)')", False),
    ],
)
def test_which_revisions_wait(project: Project, up: str, found: bool) -> None:
    project.revision("r1", None, up)
    move = Move("r1", True, (), ("r1",))
    assert contested([move], History(project.ini), ("public",)) is found


@ENGINES
def test_one_version_table_for_all_tenants_is_refused(
    project: Project, schemas: Schemas, engine: Engine
) -> None:
    project.environment("version_table_schema='public'")
    project.revision("r1", None, ITEMS)
    fleet = schemas("t1", "t2")
    with pytest.raises(
        ConfigurationError, match="with one version table for all tenants, the state"
    ):
        project.run(fleet, engine=engine)
    assert query(
        project.url, "SELECT to_regclass('t1.items'), to_regclass('public.alembic_version')"
    ) == [(None, None)]
