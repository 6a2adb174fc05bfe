"""Schema names of any kind: those that PostgreSQL takes are migrated, the others are refused one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from cli_desk import Desk

WILLING = {
    "quotes": 'we"ird',
    "apostrophe": "it's",
    "semicolon": 'x"; DROP SCHEMA kept CASCADE; --',
    "spaces": "  two words ",
    "capitals": "UPPER",
    "percent": "100%s %(x)s %%",
    "dollar": "$$ $1 :name",
    "backslash": "back\\slash\\",
    "dots": "a.b",
    "newline": "two\nlines",
    "umlauts": "ümläut-日本-🐘",
    "longest": "ü" * 31 + "x",
    "keyword": "select",
    "almost": "pgsomething",
    "bracket": "{x} [y] <z>",
}
UNWILLING = {
    "too-long": ("x" * 64, "64 bytes"),
    "too-long-in-bytes": ("ü" * 32, "64 bytes"),
    "postgres": ("pg_toast", "reserved by PostgreSQL"),
    "pg-own": ("pg_mine", "reserved by PostgreSQL"),
    "everybody": ("public", "shared by everybody"),
    "standard": ("information_schema", "reserved by PostgreSQL"),
}


@pytest.fixture
def named(desk: Desk) -> Desk:
    """Tenants whose schemas have those names, in a table of the project's own."""
    desk.sql("CREATE SCHEMA kept")
    desk.sql("CREATE TABLE clients (identifier text, schema_name text, n serial)")
    names = {**WILLING, **{key: name for key, (name, _) in UNWILLING.items()}}
    for key, name in names.items():
        quoted = name.replace("'", "''")
        desk.sql(f"INSERT INTO clients VALUES ('{key}', '{quoted}')")
    desk.shell.environment["TENANCY_TENANTS_QUERY"] = "SELECT identifier, schema_name FROM clients"
    return desk


def test_each_name_is_migrated_or_refused_with_its_reason(named: Desk):
    document = named.json("upgrade", "--create", code=1)
    results = {r["identifier"]: r for r in document["results"]}
    assert {k for k, r in results.items() if r["success"]} == WILLING.keys()
    for key, (_, reason) in UNWILLING.items():
        assert results[key]["outcome"] == "failed"
        assert reason in results[key]["error"], results[key]
    assert (document["succeeded"], document["failed"]) == (len(WILLING), len(UNWILLING))
    assert {r["target"] for r in results.values() if r["success"]} == {*WILLING.values()}
    with_notes = named.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'notes'")
    assert {name for (name,) in with_notes} == {*WILLING.values()}
    assert named.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'kept'") == [(1,)]


def test_they_can_be_looked_at_and_taken_down(named: Desk):
    assert named.run("upgrade", "--create").code == 1
    counted = named.json("status", code=0)
    assert (counted["at_head"], counted["total"]) == (len(WILLING), len(WILLING) + len(UNWILLING))
    shown = named.json("current", code=1)["tenants"]
    assert {t["identifier"] for t in shown if t["error"]} == UNWILLING.keys()
    assert {t["target"] for t in shown if t["revision"] == "0003"} == {*WILLING.values()}
    down = named.json("downgrade", "0001", "--yes", code=1)
    assert down["succeeded"] == len(WILLING)
    behind = named.json("status")
    assert behind["positions"] == [{"revision": "0001", "tenants": len(WILLING)}]


def test_a_nul_in_a_name(desk: Desk):
    # PostgreSQL cannot hold one, a list of tenants kept elsewhere can.
    with closing(sqlite3.connect(desk.folder / "list.db")) as lists, lists:
        lists.execute("CREATE TABLE clients (identifier, schema_name)")
        lists.execute("INSERT INTO clients VALUES ('nul', 'a' || char(0) || 'b'), ('fine', 'fine')")
    desk.shell.environment |= {
        "TENANCY_CATALOGUE_URL": "sqlite:///list.db",
        "TENANCY_TENANTS_QUERY": "SELECT identifier, schema_name FROM clients",
    }
    document = desk.json("upgrade", "--create", code=1)
    results = {r["identifier"]: r for r in document["results"]}
    assert results["fine"]["success"]
    assert "holds a NUL character, which PostgreSQL refuses" in results["nul"]["error"]


def test_two_tenants_that_claim_one_schema_are_both_refused(desk: Desk):
    desk.sql("CREATE SCHEMA tenant_a_b")
    desk.shell.environment["TENANCY_TENANTS_QUERY"] = (
        "SELECT unnest(array['a-b', 'a_b', 'other']) AS identifier"
    )
    document = desk.json("upgrade", "--create", code=1)
    results = {r["identifier"]: r for r in document["results"]}
    assert results["other"]["success"]
    for key in ("a-b", "a_b"):
        assert not results[key]["success"]
        assert "'a-b', 'a_b' all claim the schema 'tenant_a_b'" in results[key]["error"]
        assert "give each one its own" in results[key]["error"]
    assert desk.sql("SELECT 1 FROM pg_tables WHERE schemaname = 'tenant_a_b'") == []


@pytest.mark.parametrize("name", ["x" * 64, "public", "pg_mine", "a\x00b", ""])
def test_a_bad_name_never_comes_into_the_list(desk: Desk, name: str):
    done = desk.run("tenants", "add", "acme", "--schema", name)
    assert done.code == 2, done
    assert "Traceback" not in done.err
    assert desk.run("tenants", "list").code == 2  # there is still no list
