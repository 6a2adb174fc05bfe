"""What --sql prints does what the engine does; --sql and --dry-run themselves change nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from cli_desk import Desk
from fastapi_tenancy.engine.lexer import tokens
from fastapi_tenancy.testing.binaries import find
from fastapi_tenancy.testing.databases import create_database, drop_database

INSERT = """op.execute("INSERT INTO notes (text) VALUES ('100% \\"quoted\\"; -- no comment $1 \\\\ ')")"""
PER_TENANT = """
from fastapi_tenancy import current_tenant
if current_tenant().identifier == "ant":
    op.create_table("ants_only", sa.Column("id", sa.Uuid, primary_key=True))
op.execute(f"INSERT INTO notes (text) VALUES ('{current_tenant().identifier}')")
"""
FUNCTION = """
op.execute(
    "CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN upper($1); END; $$"
)
"""
CONCURRENT = """
with op.get_context().autocommit_block():
    op.create_index("ix_text", "notes", ["text"], postgresql_concurrently=True)
op.execute("UPDATE notes SET author = 'after'")
"""

STRUCTURE = """
SELECT nspname, relname, relkind::text, attname, format_type(atttypid, atttypmod), attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE attnum > 0 AND NOT attisdropped AND nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2, 4
"""
SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
FUNCTIONS = """
SELECT pronamespace::regnamespace::text, proname, prosrc FROM pg_proc
WHERE pronamespace::regnamespace::text ~ '^tenant' ORDER BY 1
"""


def everything(url: str) -> dict[str, Any]:
    """Structure, functions, comments, version rows and notes of all schemas."""
    with psycopg.connect(url) as connection:

        def ask(sql: str) -> list[Any]:
            return connection.execute(sql.encode()).fetchall()

        found = {sql: ask(sql) for sql in (SCHEMAS, STRUCTURE, FUNCTIONS)}
        tables = {(schema, name) for schema, name, kind, *_ in found[STRUCTURE] if kind == "r"}
        for schema, name in sorted(tables):
            table = f'"{schema}"."{name}"'
            found[table] = ask(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
        found["comments"] = ask("SELECT description FROM pg_description WHERE objoid > 16383")
    return found


@pytest.fixture
def mixed(fleet: Callable[..., Desk]) -> Desk:
    """Tenants at several revisions, one without a schema, before revisions of many kinds."""
    desk = fleet("ant", "bee", "cow", at="0001")
    desk.add("dog")
    desk.add("elk", schemas=False)
    desk.revision("0003", "0002", "rows", INSERT)
    desk.revision("0004", "0003", "of each its own", PER_TENANT)
    desk.revision("0005", "0004", "a function", FUNCTION, "op.execute('DROP FUNCTION shout(text)')")
    assert desk.run("upgrade", "0003", "--tenant", "bee").code == 0
    return desk


@pytest.fixture
def copy(mixed: Desk) -> Iterator[str]:
    """The address of a copy of the database as it stands."""
    name = psycopg.conninfo.conninfo_to_dict(mixed.url)["dbname"]
    url = create_database(mixed.url, str(name))
    yield url
    drop_database(url)


def by_psycopg(url: str, script: str) -> None:
    """Statement by statement, as a program would."""
    ends = [t.start for t in tokens(script) if t.kind == "sign" and t.text == ";"]
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for start, end in zip([0, *(e + 1 for e in ends)], ends, strict=False):
            connection.execute(script[start:end].encode())
        assert not list(tokens(script[ends[-1] + 1 :]))


def by_psql(url: str, script: str) -> None:
    """As a person would."""
    program = find().directory / "psql"
    if not program.exists():
        pytest.skip("these PostgreSQL programs come without psql")
    subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", url.replace("+psycopg", "")],
        input=script,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PGCLIENTENCODING": "UTF8"},
    )


@pytest.mark.parametrize("hand", [by_psycopg, by_psql])
def test_the_script_ends_where_the_engine_ends(
    mixed: Desk, copy: str, hand: Callable[[str, str], None]
):
    script = mixed.run("upgrade", "--create", "--sql")
    assert script.code == 0, script
    assert "synchronous_commit" not in script.out
    hand(copy, script.out)
    assert mixed.run("upgrade", "--create").code == 0
    assert everything(copy) == everything(mixed.url)
    assert set(mixed.stands().values()) == {"0005"}


def test_the_script_of_a_way_down_ends_where_the_engine_ends(mixed: Desk, copy: str):
    chosen = ("--tenant", "ant", "--tenant", "bee", "--tenant", "cow", "--tenant", "dog")
    script = mixed.run("downgrade", "base", "--sql", *chosen)
    assert script.code == 0, script
    by_psycopg(copy, script.out)
    assert mixed.run("downgrade", "base", "--yes", *chosen).code == 0
    assert everything(copy) == everything(mixed.url)


def test_the_script_of_a_stamp(mixed: Desk, copy: str):
    by_psycopg(copy, mixed.run("stamp", "0004", "--sql", "--tenant", "bee").out)
    assert mixed.run("stamp", "0004", "--tenant", "bee").code == 0
    assert everything(copy) == everything(mixed.url)
    assert mixed.stands()["bee"] == "0004"


def test_a_script_with_an_index_that_is_built_concurrently(mixed: Desk, copy: str):
    mixed.revision("0006", "0005", "an index", CONCURRENT)
    script = mixed.run("upgrade", "--create", "--sql")
    assert script.code == 0, script
    by_psycopg(copy, script.out)
    assert mixed.run("upgrade", "--create").code == 0
    assert everything(copy) == everything(mixed.url)


def test_a_script_stops_at_a_tenant_that_moved_meanwhile(mixed: Desk):
    script = mixed.run("upgrade", "--sql", "--tenant", "ant").out
    assert mixed.run("upgrade", "--tenant", "ant").code == 0
    before = everything(mixed.url)
    with pytest.raises(psycopg.errors.DivisionByZero):
        by_psycopg(mixed.url, script)
    assert everything(mixed.url) == before


def test_a_name_stays_a_comment_in_a_script(desk: Desk):
    desk.sql("CREATE SCHEMA tenant_kept")
    desk.shell.environment["TENANCY_TENANTS_QUERY"] = (
        "SELECT 'x' AS identifier, E's\\n;DROP SCHEMA tenant_kept; --' AS schema_name"
    )
    script = desk.run("upgrade", "0002", "--create", "--sql")
    assert script.code == 0, script
    by_psycopg(desk.url, script.out)
    assert {("tenant_kept",), ("s\n;DROP SCHEMA tenant_kept; --",)} <= set(desk.sql(SCHEMAS))


def test_looking_changes_nothing(mixed: Desk):
    before = everything(mixed.url)
    for command, code in (
        (["upgrade", "--create", "--dry-run"], 0),
        (["upgrade", "--create", "--sql", "--json"], 0),
        (["downgrade", "base", "--dry-run", "--json"], 1),  # one schema is missing
        (["downgrade", "base", "--sql", "--exclude", "elk"], 0),
        (["stamp", "0001", "--dry-run", "--exclude", "elk"], 0),
    ):
        done = mixed.run(*command)
        assert done.code == code, done
        assert everything(mixed.url) == before, command


def test_a_live_step_has_no_script(fleet: Callable[..., Desk]):
    desk = fleet("ant")
    before = everything(desk.url)
    done = desk.run("upgrade", "--sql")
    assert done.code == 2
    assert "0003 needs a connection" in done.err
    assert done.out == ""
    assert everything(desk.url) == before
