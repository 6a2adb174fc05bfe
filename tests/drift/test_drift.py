"""`tenancy drift` on schemas: variants, the reference, and those that cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cli_desk import Desk

SCRATCH = "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'tenancy_scratch')"


def positions(desk: Desk, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
    """What is found at each position; nothing is left behind."""
    document = desk.json("drift", *arguments, code=code)
    assert document["clean"] is (code == 0)
    assert desk.sql(SCRATCH) == [(0,)]
    return document["positions"]


def changes(variant: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(c["change"], c["kind"], c["name"]) for c in variant["changes"]}


def test_a_fleet_without_drift(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    done = desk.run("drift")
    assert (done.code, done.out, done.err) == (0, "at 0003: 2 identical\n", "")
    (found,) = positions(desk, code=0)
    assert (found["identical"], found["drifted"], found["variants"]) == (2, 0, [])
    assert (found["revision"], found["kind"], found["reason"]) == ("0003", "schema", None)
    assert found["compared_with"] == "migrations"


def test_variants_with_their_differences(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", "coil", "dent", at="0003")
    desk.sql("ALTER TABLE tenant_acme.notes ADD by_hand int; DROP TABLE tenant_dent.notes")
    for name in ("bolt", "coil"):
        desk.sql(f"ALTER TABLE tenant_{name}.notes ALTER text TYPE varchar(9)")
    (found,) = positions(desk)
    assert (found["identical"], found["drifted"]) == (0, 4)
    first, *others = found["variants"]
    assert (first["tenants"], first["count"]) == (["bolt", "coil"], 2)
    assert first["example"] == "tenant_bolt"
    (change,) = first["changes"]
    assert change == {
        "change": "changed",
        "kind": "column",
        "name": "notes.text",
        "expected": "text",
        "found": "character varying(9)",
        "note": None,
    }
    by_name = {v["tenants"][0]: changes(v) for v in others}
    assert by_name["acme"] == {("added", "column", "notes.by_hand")}
    assert ("missing", "table", "notes") in by_name["dent"]
    done = desk.run("drift")
    assert done.out.startswith("at 0003: 0 identical; 4 in 3 variants\n")
    assert "variant 1 of 0003: 2 tenants (bolt, coil)" in done.out
    assert "character varying(9)" in done.out


def test_a_fleet_that_drifted_together_is_seen(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    for name in ("acme", "bolt"):
        desk.sql(f"CREATE TABLE tenant_{name}.extra (id int)")
    (found,) = positions(desk)
    assert (found["identical"], found["drifted"], len(found["variants"])) == (0, 2, 1)
    assert ("added", "table", "extra") in changes(found["variants"][0])


def test_each_revision_has_its_own_reference(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", "coil", at="0001")
    assert desk.run("upgrade", "--tenant", "bolt", "--tenant", "coil").code == 0
    desk.sql("ALTER TABLE tenant_acme.notes ADD author text")  # as if it were further
    old, new = sorted(positions(desk), key=lambda found: found["revision"])
    assert (old["revision"], old["identical"], old["drifted"]) == ("0001", 0, 1)
    assert changes(old["variants"][0]) == {("added", "column", "notes.author")}
    assert (new["revision"], new["identical"], new["drifted"]) == ("0003", 2, 0)


def test_only_whom_one_asks_for(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    desk.sql("ALTER TABLE tenant_acme.notes ADD by_hand int")
    (found,) = positions(desk, "--tenant", "bolt", code=0)
    assert found["identical"] == 1
    done = desk.run("drift", "--tenant", "nobody")
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert "no tenant 'nobody'" in done.err


def test_ownership_grants_and_the_version_table_do_not_count(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    desk.sql(
        "ALTER TABLE tenant_acme.notes OWNER TO pg_monitor;"
        "GRANT SELECT ON tenant_acme.notes TO PUBLIC;"
        "ALTER TABLE tenant_acme.alembic_version ALTER version_num TYPE varchar(255);"
        "COMMENT ON TABLE tenant_acme.notes IS 'ours'"
    )
    assert positions(desk, code=0)[0]["identical"] == 2


def test_whoever_cannot_be_compared_is_named_and_never_clean(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", "coil", "dent", at="0003")
    desk.sql("DROP TABLE tenant_bolt.alembic_version; DROP SCHEMA tenant_coil CASCADE")
    with psycopg.connect(desk.url) as connection:
        connection.execute("LOCK TABLE tenant_dent.notes IN ACCESS EXCLUSIVE MODE")
        document = desk.json("drift", code=1)
    assert [p["identical"] for p in document["positions"]] == [1]
    reasons = {u["tenants"][0]: u["reason"] for u in document["not_compared"]}
    assert "it has no version table" in reasons["bolt"]
    assert "its schema does not exist" in reasons["coil"]
    assert "another session keeps" in reasons["dent"]
    done = desk.run("drift")
    assert "1 tenant not compared (coil): its schema does not exist" in done.out


def test_a_tenant_that_is_being_created_is_no_drift(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0003")
    desk.add("bolt", schemas=False)
    desk.sql("UPDATE tenants SET status = 'provisioning' WHERE identifier = 'bolt'")
    done = desk.run("drift")
    assert (done.code, "it is being created" in done.out) == (0, True)


def test_a_revision_that_the_scripts_do_not_know(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    desk.sql("UPDATE tenant_bolt.alembic_version SET version_num = 'ffff'")
    found = {p["revision"]: p for p in positions(desk)}
    assert found["0003"]["identical"] == 1
    assert found["ffff"]["compared_with"] == "unknown"
    assert "the scripts do not know ffff" in found["ffff"]["reason"]


def test_migrations_that_fail_in_an_empty_place(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    desk.revision("0001", None, "broken", 'op.execute("SELECT 1/0")')
    (found,) = positions(desk)
    assert (found["compared_with"], found["identical"]) == ("unknown", 2)
    assert "division by zero" in found["reason"]
    assert "compared among themselves" in desk.run("drift").out


def test_no_more_than_a_handful_of_positions_is_built(
    fleet: Callable[..., Desk],
):
    names = [f"t{number}" for number in range(9)]
    desk = fleet(*names)
    for number in range(4, 10):
        desk.revision(f"000{number}", f"000{number - 1}", "more", f'op.create_table("m{number}")')
    for number in range(7):
        assert desk.run("upgrade", f"000{number + 1}", "--tenant", f"t{number}").code == 0
    for name in ("t7", "t8"):
        assert desk.run("upgrade", "0001", "--tenant", name).code == 0
    found = positions(desk, code=0)
    assert found[0]["revision"] == "0001"
    assert [p["compared_with"] for p in found].count("each other") == 2
    assert "no more than 5 positions are built" in desk.run("drift").out


def test_tenants_at_base_have_nothing(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0003")
    assert desk.run("downgrade", "base", "--yes").code == 0
    assert positions(desk, code=0)[0]["revision"] is None
    desk.sql("CREATE TABLE tenant_acme.left_over (id int)")
    assert changes(positions(desk)[0]["variants"][0]) >= {("added", "table", "left_over")}
    assert desk.run("drift").out.startswith("at base: 0 identical; 1 in 1 variant\n")


def test_no_tenants(desk: Desk):
    assert desk.run("tenants", "prepare").code == 0
    done = desk.run("drift")
    assert (done.code, done.out) == (0, "nothing was compared: there are no tenants to look at\n")


def test_invalid_indexes_and_constraints_are_named(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    desk.sql(
        "INSERT INTO tenant_acme.notes (text) VALUES ('one'), ('one');"
        "ALTER TABLE tenant_acme.notes ADD CONSTRAINT short CHECK (length(text) < 9) NOT VALID"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        desk.sql("CREATE UNIQUE INDEX CONCURRENTLY one_text ON tenant_acme.notes (text)")
    (found,) = positions(desk)
    notes = {c["name"]: c["note"] for c in found["variants"][0]["changes"]}
    assert "is INVALID" in notes["one_text"]
    assert "is NOT VALID" in notes["notes.short"]
    assert "one_text: the index is INVALID" in desk.run("drift").out


@pytest.fixture
def astray(fleet: Callable[..., Desk]) -> Desk:
    """A tenant whose table is in public as well."""
    desk = fleet("acme", at="0003")
    desk.sql("CREATE TABLE public.notes (id int)")
    return desk


def test_a_table_of_a_tenant_in_public_is_noted(astray: Desk):
    document = astray.json("drift")
    (found,) = document["astray"]
    assert (found["note"], found["where"].startswith("schema public of ")) == (True, True)
    assert found["found"].startswith("notes: named like tables of tenants")
    assert document["clean"] is True


def test_a_version_table_in_public_is_a_finding(astray: Desk):
    astray.sql("CREATE TABLE public.alembic_version AS SELECT '0002'::text AS version_num")
    document = astray.json("drift", code=1)
    version, table = document["astray"]
    assert (version["note"], table["note"]) == (False, False)
    assert "holds 0002 of this history" in version["found"]
    assert "a migration went astray" in astray.run("drift").out


def test_the_version_table_of_another_history_in_public_is_none(astray: Desk):
    astray.sql("CREATE TABLE public.alembic_version AS SELECT 'abcd'::text AS version_num")
    assert [a["note"] for a in astray.json("drift")["astray"]] == [True]
