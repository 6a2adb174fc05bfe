"""`tenancy check`: models, policies and the role that asks; it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cli_desk import Desk
from shared_tables import SHARED, role_of
from test_bad_input import refused
from test_revision import FOLLOWING, SCHEMAS, env


def found(desk: Desk, *arguments: str, code: int = 1) -> list[tuple[Any, ...]]:
    """What a check finds, without what is to be done."""
    document = desk.json("check", *arguments, code=code)
    assert document["fine"] is (code == 0)
    return [(f["check"], f["where"], f["table"], f["found"]) for f in document["findings"]]


def test_models_that_agree(desk: Desk):
    env(desk)
    before = desk.sql(SCHEMAS)
    done = desk.run("check")
    assert (done.code, done.out, done.err) == (0, "the models are what the migrations make\n", "")
    assert desk.sql(SCHEMAS) == before
    assert desk.json("check") == {"fine": True, "compared_with": None, "findings": []}


def test_models_that_are_ahead(desk: Desk):
    env(desk)
    done = desk.run("check", "-x", "mood=1")
    assert done.code == 1
    assert "column mood is in the models only" in done.out
    assert "tenancy revision --autogenerate" in done.out
    assert done.out.endswith("1 finding\n")
    document = desk.json("check", "-x", "mood=1", code=1)
    assert document["findings"] == [
        {
            "check": "models",
            "where": "migrations",
            "table": "notes",
            "schema": None,
            "operation": "add_column",
            "found": "column mood is in the models only",
            "do": "`tenancy revision --autogenerate -m ...` writes it",
            "note": False,
        }
    ]


def test_a_tenant_that_was_changed_by_hand(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0003")
    env(desk)
    desk.sql(
        "ALTER TABLE tenant_acme.notes ADD by_hand int, ALTER text SET NOT NULL, ALTER author TYPE char(3)"
    )
    assert found(desk, code=0) == []
    assert found(desk, "--tenant", "bolt", code=0) == []
    assert found(desk, "--tenant", "acme") == [
        ("models", "tenant acme", "notes", "column text may not be NULL, in the models it may"),
        ("models", "tenant acme", "notes", "column author is CHAR(length=3), in the models Text()"),
        ("models", "tenant acme", "notes", "column by_hand is not in the models"),
    ]
    refused(desk.run("check", "--tenant", "nobody"), "no tenant 'nobody'")


def test_every_kind_of_difference_in_words(desk: Desk):
    desk.revision(
        "0004",
        "0003",
        "more",
        """
op.create_table("gone", sa.Column("id", sa.Integer, primary_key=True))
op.create_index("ix_text", "notes", ["text"])
op.create_unique_constraint("uq_author", "notes", ["author"])
op.create_table_comment("notes", "old")
""",
    )
    path = env(
        desk,
        FOLLOWING.replace(
            "extra = ",
            """extra = asked and [
        sa.Column("kind", sa.Text, server_default="x"), sa.Index("ix_new", "text"),
        sa.UniqueConstraint("text", name="uq_text"), sa.ForeignKeyConstraint(["id"], ["more.id"], name="fk_more"),
    ] #""",
        ),
    )
    path.write_text(
        path.read_text().replace(
            "metadata = sa.MetaData()",
            'metadata = sa.MetaData()\nsa.Table("more", metadata, sa.Column("id", sa.Integer, primary_key=True))',
        )
    )
    told = sorted((table, what) for _check, _where, table, what in found(desk))
    assert told == sorted(
        [
            ("gone", "the table is not in the models"),
            ("more", "the table is in the models only"),
            ("notes", "column kind is in the models only"),
            ("notes", "constraint uq_author is not in the models"),
            ("notes", "foreign key fk_more (id) to more is in the models only"),
            ("notes", "index ix_new is in the models only"),
            ("notes", "index ix_text is not in the models"),
            ("notes", "its comment is not in the models"),
            ("notes", "unique constraint uq_text (text) is in the models only"),
        ]
    )


def test_migrations_that_fail_in_an_empty_place(desk: Desk):
    env(desk)
    before = desk.sql(SCHEMAS)
    desk.revision("0004", "0003", "broken", 'op.drop_table("nothing")')
    done = desk.run("check")
    assert done.code == 1
    assert "the migrations fail in an empty place: revision 0004" in done.err
    assert "--tenant IDENTIFIER" in done.err
    assert desk.sql(SCHEMAS) == before


def test_no_models(desk: Desk):
    refused(desk.run("check"), "does not provide a MetaData object")


def test_policies_that_hold(shared: Desk):
    done = shared.run("check")
    assert done.code == 0, done
    assert (
        done.out == "the models are what the migrations make; the rows of 1 table are kept apart\n"
    )


def test_a_table_without_a_policy(shared: Desk):
    (shared.folder / "migrations" / "versions" / "0005.py").unlink()
    shared.sql(
        "UPDATE alembic_version SET version_num = '0004'; DROP POLICY tenant_rls ON orders; ALTER TABLE orders NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
    )
    (database,) = shared.sql("SELECT current_database()")[0]
    told = "it has the column tenant_id, and no policy"
    first, second = found(shared)
    assert first == ("policies", "migrations", "orders", told)
    assert (second[0], second[2:]) == ("policies", ("orders", told))
    assert database in second[1]
    env(shared, SHARED, options=', info={"tenant_rls": False}')
    assert found(shared, code=0) == []


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (
            "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY",
            "not forced: its owner postgres sees every row",
        ),
        ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "not enabled: they say nothing"),
        (
            "ALTER POLICY tenant_rls ON orders USING (true)",
            "its policy tenant_rls does not say that tenant_id equals",
        ),
        (
            "CREATE POLICY admins ON orders USING (id > 0)",
            "its policy admins does not say that tenant_id equals the setting app.tenant_id: USING ((id > 0))",
        ),
        (
            "ALTER POLICY tenant_rls ON orders WITH CHECK (true)",
            "its policy tenant_rls does not say that tenant_id equals the setting app.tenant_id: WITH CHECK (true)",
        ),
        (
            "ALTER POLICY tenant_rls ON orders USING (tenant_id = current_setting('app.tenant_id')::uuid)",
            "its policy tenant_rls compares tenant_id as uuid: ids of tenants that are written",
        ),
        (
            "CREATE TABLE more (tenant_id text); CREATE POLICY own ON more USING"
            " (tenant_id = (current_setting('app.tenant_id')::\"char\")::text);"
            " ALTER TABLE more ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            " GRANT ALL ON more TO {role}",
            "its policy own does not say that tenant_id equals the setting",
        ),
        ("CREATE TABLE more (tenant_id text); GRANT ALL ON more TO {role}", "no policy"),
        ("ALTER ROLE {role} SUPERUSER", "is a superuser: no policy holds for it"),
        ("ALTER ROLE {role} BYPASSRLS", "has BYPASSRLS: no policy holds for it"),
    ],
)
def test_what_does_not_hold_in_the_shared_database(shared: Desk, broken: str, told: str):
    role = role_of(shared)
    shared.sql(broken.format(role=role))
    (only,) = found(shared)
    assert told in only[3]
    assert only[1].startswith("database ")


def test_a_policy_by_hand_that_compares_values_is_noted(shared: Desk):
    shared.sql(
        "CREATE TABLE more (tenant_id int); CREATE POLICY own ON more USING"
        " (tenant_id = current_setting('app.tenant_id')::int);"
        " ALTER TABLE more ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        f" GRANT ALL ON more TO {role_of(shared)}"
    )
    ((_check, _where, table, told),) = found(shared, code=0)
    assert (table, "its policy own compares tenant_id as integer" in told) == ("more", True)


def test_views_that_show_all_rows(shared: Desk):
    role = role_of(shared)
    shared.sql(
        "CREATE VIEW every AS SELECT id FROM orders;"
        "CREATE VIEW own WITH (security_invoker) AS SELECT * FROM orders;"
        f"CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM orders; GRANT SELECT ON sums TO {role}"
    )
    told = [
        ("every", "the view every reads as its owner postgres, for whom no policy holds"),
        ("sums", "the materialized view sums holds the same rows for every tenant"),
    ]
    assert [f[2:] for f in found(shared, code=0)] == told
    shared.sql(f"GRANT SELECT ON every TO {role}")
    assert [f[2:] for f in found(shared)] == told
    notes = [f["note"] for f in shared.json("check", code=1)["findings"]]
    assert notes == [False, True]
    shared.sql(f"DROP OWNED BY {role}")


def test_the_role_of_the_url_where_no_other_is_named(shared: Desk):
    toml = shared.folder / "tenancy.toml"
    before = toml.read_text()
    toml.write_text('isolation_strategy = "rls"\n')
    ((check, _where, _table, told),) = found(shared)
    assert (check, "is a superuser" in told) == ("role", True)
    toml.write_text('isolation_strategy = "rls"\nrls_role = "nobody of that name"\n')
    assert "there is no role nobody of that name" in found(shared)[0][3]
    toml.write_text(before)


def test_other_strategies_are_not_asked_about_policies(shared: Desk):
    (shared.folder / "tenancy.toml").unlink()
    shared.sql("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")
    ((check, *_where, told),) = found(shared)
    assert (check, "the models do not say that they are" in told) == ("models", True)
