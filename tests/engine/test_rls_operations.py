"""The operations of row-level security: what they leave alone, repair and refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.errors import ConfigurationError, InvalidNameError
from fastapi_tenancy.isolation.policy import TenantPolicy, enable_sql
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.testing.binaries import find
from files import Folder
from project import Done, Project
from same import FLEET, both_roads

ITEMS = """
op.create_table(
    "items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant_id", sa.Uuid),
)
"""
ENABLE, DISABLE = 'op.enable_tenant_rls("items")', 'op.disable_tenant_rls("items")'
STATE = """
SELECT relrowsecurity, relforcerowsecurity,
    array(SELECT polname::text || ': ' || pg_get_expr(polqual, c.oid)
          FROM pg_policy WHERE polrelid = c.oid ORDER BY 1)
FROM pg_class c WHERE c.oid = 'a1.items'::regclass
"""
VALUE = "(NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"
OWN = f"""tenant_rls: (tenant_id =
CASE
    WHEN (({VALUE})::text = current_setting('app.tenant_id'::text, true)) THEN {VALUE}
    ELSE NULL::uuid
END)"""
FORCE = ", FORCE ROW LEVEL SECURITY"
EVERYTHING = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE n.nspname ~ '^a' ORDER BY 1, 2"


@pytest.fixture
def items(project: Project, schemas: Callable[..., list[str]]) -> Project:
    """One tenant with a table that row-level security is on for."""
    project.revision("r1", None, ITEMS)
    project.revision("r2", "r1", ENABLE, DISABLE)
    schemas("a1")
    project.run(["a1"]).require_success()
    return project


def sql(project: Project, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(project.url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def failed(done: Done) -> str:
    return str(done.outcome("a1").error)


@pytest.mark.parametrize(
    "broken",
    [
        "ALTER TABLE a1.items NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE a1.items DISABLE ROW LEVEL SECURITY",
        "ALTER POLICY tenant_rls ON a1.items USING (true)",
        "DROP POLICY tenant_rls ON a1.items; CREATE POLICY tenant_rls ON a1.items FOR SELECT USING (true)",
        "DROP INDEX a1.items_tenant_id_rls_idx",
        "SELECT 1",
    ],
)
def test_running_it_again_puts_it_right(items: Project, broken: str):
    before = sql(items, STATE), sql(items, EVERYTHING)
    assert before[0] == [(True, True, [OWN])]
    sql(items, broken)
    items.revision("r3", "r2", ENABLE)
    items.run(["a1"]).require_success()
    assert (sql(items, STATE), sql(items, EVERYTHING)) == before


def test_policies_of_others_stay_and_stay_on(items: Project):
    sql(items, "CREATE POLICY theirs ON a1.items USING (id > 0)")
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    assert sql(items, STATE) == [(True, True, ["theirs: (id > 0)"])]
    sql(items, "DROP POLICY theirs ON a1.items; ALTER TABLE a1.items NO FORCE ROW LEVEL SECURITY")
    sql(items, "ALTER TABLE a1.items DISABLE ROW LEVEL SECURITY")
    items.run(["a1"]).require_success()
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    assert sql(items, STATE) == [(False, False, [])]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_a_table_that_was_closed_before_is_closed_again(items: Project, forced: bool, again: bool):
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    sql(items, f"ALTER TABLE a1.items ENABLE ROW LEVEL SECURITY{FORCE * forced}")
    items.run(["a1"]).require_success()
    assert sql(items, STATE) == [(True, True, [OWN])]
    if again:
        items.revision("r3", "r2", ENABLE, "pass")
        items.run(["a1"]).require_success()
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    assert sql(items, STATE) == [(True, forced, [])]


def test_an_index_of_the_same_name_elsewhere_stays(items: Project):
    sql(
        items,
        "DROP INDEX a1.items_tenant_id_rls_idx",
        "CREATE TABLE public.items (tenant_id uuid)",
        "CREATE INDEX items_tenant_id_rls_idx ON public.items (tenant_id)",
    )
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    assert sql(items, "SELECT to_regclass('public.items_tenant_id_rls_idx')::text") != [(None,)]


@pytest.mark.parametrize(
    ("up", "told"),
    [
        ('op.enable_tenant_rls("nothing")', "there is no table nothing in the search path"),
        ('op.disable_tenant_rls("nothing")', "there is no table nothing in the search path"),
        ('op.enable_tenant_rls("items", schema="nowhere")', "no table items in the schema nowhere"),
        ('op.enable_tenant_rls("items", column="whose")', "the table items has no column whose"),
        ('op.enable_tenant_rls("items", setting="tenant")', "with a dot in it, such as app.tenant"),
        ('op.enable_tenant_rls("x" * 64)', "64 bytes long"),
        ('op.enable_tenant_rls("items", column="é" * 32)', "64 bytes long"),
        ('op.enable_tenant_rls("")', "an empty name"),
    ],
)
@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
def test_what_cannot_be_is_said(items: Project, up: str, told: str, engine: Engine):
    items.revision("r3", "r2", up)
    before = sql(items, STATE)
    assert told in failed(items.run(["a1"], engine=engine))
    assert sql(items, STATE) == before


def test_names_are_cut_to_what_postgresql_can_hold():
    policy = TenantPolicy(table="é" * 31, column="tenant_id")
    assert len(policy.index_name.encode()) <= 63
    assert policy.index_name != TenantPolicy(table="é" * 31, column="tenant_ie").index_name
    for wrong in (
        {"table": "x" * 64},
        {"table": "x", "column": "x\x00"},
        {"table": "x", "schema": "y" * 64},
    ):
        with pytest.raises(InvalidNameError):
            TenantPolicy(**wrong)
    with pytest.raises(ConfigurationError):
        TenantPolicy(table="x", setting="role")
    assert enable_sql(TenantPolicy(table="a$tenancy$b")).startswith("DO $tenancy_$")


def test_sqlite_has_no_such_thing(folder: Folder):
    folder.project.revision("r1", None, ITEMS)
    folder.project.revision("r2", "r1", ENABLE, DISABLE)
    fleet = folder.make("a", "b", "c")
    for result in folder.run(fleet).values():
        assert (
            "op.enable_tenant_rls('items') is for PostgreSQL, and this database is sqlite"
            in str(result["error"])
        )


def test_a_schema_translate_map_leads_it(
    project: Project, schemas: Callable[..., list[str]], copied: Callable[[], str]
):
    project.environment(
        before='connection = connection.execution_options(schema_translate_map={"tenant": schema})'
    )
    table = ITEMS.replace("sa.Uuid),\n", 'sa.Uuid), schema="tenant"\n')
    project.revision("r1", None, table)
    named = '"items", schema="tenant"'
    project.revision(
        "r2",
        "r1",
        f"op.enable_tenant_rls({named})",
        f"op.disable_tenant_rls({named})",
        top="import fastapi_tenancy.migrations.rls",
    )
    schemas(*FLEET)
    both_roads(project, copied)
    assert sql(project, STATE) == [(True, True, [OWN])]


def test_a_script_for_psql(items: Project, tmp_path: Path):
    items.run(["a1"], "r1", Command.DOWNGRADE).require_success()
    program = find().directory / "psql"
    if not program.exists():
        pytest.skip("these PostgreSQL programs come without psql")
    (items.root / "scripts" / "env.py").write_text(
        "from alembic import context\nimport fastapi_tenancy.migrations.rls\n"
        "context.configure(url='postgresql+psycopg://', literal_binds=True)\n"
        "with context.begin_transaction():\n    context.run_migrations()\n"
    )
    script = tmp_path / "script.sql"
    with script.open("w") as file:
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", items.ini, "upgrade", "r1:r2", "--sql"],
            stdout=file,
            check=True,
        )
    subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, items.url],
        check=True,
        env={"PGOPTIONS": "-c search_path=a1"},
    )
    assert sql(items, STATE) == [(True, True, [OWN])]
