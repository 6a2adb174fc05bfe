"""What a copy would give a tenant otherwise than its history is not copied."""

from __future__ import annotations

import logging
import os
import re
import subprocess

import psycopg
import pytest

from arena import ROOT, Arena
from fastapi_tenancy import SQLAlchemyTenantStore, Tenant
from fastapi_tenancy.model.event import RoadChosen
from fastapi_tenancy.provision.creating import baselines_of, create_tenant
from fastapi_tenancy.testing.binaries import find
from pooler import PROGRAM, pooled
from snapshot import heads, query


def sql(*statements: str) -> list[str]:
    """A revision of each."""
    return [f"op.execute({statement!r})" for statement in statements]


def shared(arena: Arena, *statements: str) -> None:
    """Run this in both databases."""
    for url in (arena.url, arena.copy):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("; ".join(statements).encode())


def reasons(arena: Arena) -> set[str]:
    """Why tenants took their roads."""
    return {event.reason for event in arena.told if isinstance(event, RoadChosen)}


def dumped(url: str) -> list[str]:
    """All of a database, with rights, owners and rows."""
    program = str(find().directory / "pg_dump")
    done = subprocess.run(
        [program, "--inserts", "--encoding=UTF8", url], capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict ", line)]


PLANS = "CREATE TABLE public.plans (id int)"
RIGHTS = "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor"
REFUSED = {
    "a materialized view that rows came after": (
        (),
        ("CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM roles", "DELETE FROM roles"),
        "the materialized view m holds other rows",
    ),
    "a domain of everybody's that has a default": (
        ("CREATE DOMAIN public.stamp AS timestamptz DEFAULT clock_timestamp()",),
        ("CREATE TABLE c (at public.stamp)", "INSERT INTO roles (name) VALUES ('x')"),
        "a column is of a domain",
    ),
    "columns of a table of everybody's": (
        (PLANS,),
        ("CREATE VIEW v AS SELECT p.* FROM public.plans p",),
        r"a view writes \*",
    ),
    "columns of such a table, in a block": (
        (PLANS,),
        ("DELETE FROM roles", "DO $x$ BEGIN CREATE VIEW v AS SELECT * FROM public.plans; END $x$"),
        r"a view writes \*",
    ),
    "rights that are taken": (
        (RIGHTS,),
        ("REVOKE ALL ON roles FROM pg_monitor",),
        "changes rights",
    ),
    "rights that are given": (
        ("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "GRANT EXECUTE ON FUNCTION f() TO PUBLIC",
        ),
        "changes rights",
    ),
    "the word that stands for a schema": (
        (),
        ("INSERT INTO roles (name) VALUES ('tenancy_baseline_schema')",),
        "tenancy_baseline_schema stands in it",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_would_differ_is_made_by_its_history(arena: Arena, case: str) -> None:
    before, statements, why = REFUSED[case]
    shared(arena, "SELECT 1", *before)
    arena.history(ROOT, *sql(*statements))
    assert "baseline" not in await arena.create("one", "two")
    assert re.match(why, reasons(arena).pop()), arena.told
    arena.plain("one", "two")
    if "domain" not in case:
        assert dumped(arena.url) == dumped(arena.copy)


TEXTS = [
    "a\n--\n-- Name: x\n--\nb",
    "a\nSET default_tablespace = x;\n",
    "it's\n\\\\restrict abc\n-- $$ \"",
    "Café $x$ --",
]


async def test_texts_that_look_like_parts_of_a_script_stay_as_they_are(arena: Arena) -> None:
    values = ", ".join("('" + text.replace("'", "''") + "')" for text in TEXTS)
    body = "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT 'x\n-- y\n' $f$"
    arena.history(ROOT, *sql("CREATE TABLE texts (t text)", f"INSERT INTO texts VALUES {values}"))
    arena.history(*sql(body, """COMMENT ON TABLE texts IS 'a "quote\n-- and more'"""))
    shared(
        arena,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_encoding = latin1',"
        " current_database()); END $$",
    )
    assert await arena.create("one", "Two") == ["baseline"] * 2
    arena.plain("one", "Two")
    assert dumped(arena.url) == dumped(arena.copy)


async def test_what_a_server_refuses_is_tried_once(
    arena: Arena, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that finds another by the search path is not found while a copy is made."""
    caplog.set_level(logging.INFO, "fastapi_tenancy")
    functions = "CREATE FUNCTION {}(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT {}'"
    arena.history(ROOT, *sql(functions.format("g", "$1"), functions.format("f", "g($1)")))
    arena.history(*sql("CREATE INDEX ix ON roles (f(id))"))
    assert "baseline" not in await arena.create("one", "two", "three")
    assert caplog.text.count("function g(integer) does not exist") == 1
    assert [heads(arena.url, name) for name in ("one", "three")] == [{"r03"}] * 2


async def test_a_script_that_a_server_refuses_is_tried_once(
    arena: Arena, caplog: pytest.LogCaptureFixture
) -> None:
    arena.history(ROOT, *sql("CREATE TABLE c (id int)"))
    assert await arena.create("one") == ["baseline"]
    with psycopg.connect(arena.lists, autocommit=True) as connection:
        connection.execute(
            "UPDATE tenancy_baselines SET payload = payload || convert_to('CREATE TABEL', 'UTF8')"
        )
    assert "baseline" not in await arena.create("two", "three")
    assert caplog.text.count("syntax error") == 1
    arena.plain("one", "two", "three")
    arena.require_same()


async def test_views_of_own_columns_are_copied(arena: Arena) -> None:
    shared(arena, PLANS)
    arena.history(ROOT, *sql("CREATE VIEW v AS SELECT * FROM roles"))
    arena.history(*sql("CREATE VIEW w AS SELECT p.id FROM public.plans p"))
    arena.history(*sql("CREATE MATERIALIZED VIEW m AS SELECT * FROM roles"))
    assert await arena.create("one") == ["live"]  # both could be one view, as far as is known
    arena.project.revision("r04", "r03", "op.execute('DROP VIEW w')")
    assert await arena.create("two") == ["baseline"]


async def test_default_privileges_are_those_of_the_moment(arena: Arena) -> None:
    shared(arena, RIGHTS)
    arena.history(ROOT, *sql("CREATE TABLE c (id int)"))
    isolation = arena.isolation()
    assert await arena.create("one", "two", isolation=isolation) == ["baseline"] * 2
    arena.plain("one", "two")
    shared(arena, RIGHTS.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))
    assert await arena.create("three", isolation=isolation) == ["baseline"]
    arena.plain("three")
    assert dumped(arena.url) == dumped(arena.copy)


async def test_a_file_that_a_revision_reads_is_part_of_the_history(arena: Arena) -> None:
    rows = arena.project.root / "scripts" / "data" / "roles.sql"
    rows.parent.mkdir()
    rows.write_text("INSERT INTO roles (name) VALUES ('first')")
    arena.history(ROOT, f"with open({str(rows)!r}) as file:\n    op.execute(file.read())")
    isolation, store = arena.isolation(), SQLAlchemyTenantStore(arena.lists)
    await store.initialize()
    baselines = baselines_of(store, isolation)
    for name in ("first", "second"):
        tenant = Tenant(id=name, identifier=name, schema_name=name)
        rows.write_text(f"INSERT INTO roles (name) VALUES ('{name}')")
        await create_tenant(tenant, store=store, isolation=isolation, baselines=baselines)
        assert query(arena.url, f"SELECT name FROM {name}.roles WHERE id = 3") == [(name,)]
    await store.close()


async def test_they_are_compared_before_each_commit(arena: Arena) -> None:
    shared(arena, RIGHTS)
    arena.history(ROOT, *sql("CREATE TABLE c (id int)"))
    isolation, store = arena.isolation(), SQLAlchemyTenantStore(arena.lists)
    await store.initialize()
    baselines = baselines_of(store, isolation)  # remembers what the server was like
    roads = []
    for name in ("one", "two", "three"):
        tenant = Tenant(id=name, identifier=name, schema_name=name)
        await create_tenant(
            tenant,
            store=store,
            isolation=isolation,
            listener=arena.told.append,
            baselines=baselines,
        )
        arena.plain(name)
        roads.append([e.road for e in arena.told if isinstance(e, RoadChosen)][-1])
        if name == "one":
            shared(arena, RIGHTS.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))
    await store.close()
    assert roads == ["baseline", "history", "baseline"]
    assert dumped(arena.url) == dumped(arena.copy)


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is not installed")
async def test_through_a_pooler_no_setting_is_left_to_others(arena: Arena) -> None:
    arena.history(ROOT, *sql("CREATE TABLE c (id int)"))
    direct = arena.url
    with pooled(direct, size=2) as url:
        arena.url = url
        assert "baseline" not in await arena.create("one")
        assert any("a pooler is in between" in reason for reason in reasons(arena))
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            found = {connection.execute("SHOW row_security").fetchone() for _ in range(9)}
            paths = {connection.execute("SHOW search_path").fetchone() for _ in range(9)}
    arena.url = direct
    assert found == {("on",)}
    assert paths == {('"$user", public',)}
