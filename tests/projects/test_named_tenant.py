"""Plain Alembic with `-x`: it goes to the tenant that is named, and nowhere else."""

from __future__ import annotations

import pytest

from helped import Helped
from snapshot import snapshot


def test_one_tenant_goes_up_and_down(fleet: Helped):
    fleet.done("alembic -x tenant=acme upgrade head")
    assert fleet.stands() == {"tenant_acme": "r3"}
    assert fleet.sql("SELECT DISTINCT note FROM tenant_acme.items") == [("acme",)]
    assert "r3 (head)" in fleet.done("alembic -x tenant=acme current")
    assert "(current)" in fleet.done("alembic -x tenant=acme history -i")
    fleet.done("alembic -x tenant=acme downgrade -2")
    assert fleet.stands() == {"tenant_acme": "r1"}
    fleet.done("alembic -x tenant=acme stamp r2")
    assert fleet.stands() == {"tenant_acme": "r2"}
    assert fleet.sql("SELECT to_regclass('public.items'), to_regclass('tenant_bolt.items')") == [
        (None, None)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "upgrade head",
        "downgrade base",
        "stamp head",
        "current",
        "history -i",
        "show current",
        "ensure_version",
        "upgrade head --sql",
    ],
)
def test_without_a_tenant_nothing_is_done(fleet: Helped, typed: str):
    said = fleet.refused(typed)
    assert "alembic -x tenant=IDENTIFIER" in said
    assert said.endswith("Nothing was changed")
    assert fleet.stands() == {}


def test_a_tenant_that_is_not_there_is_named(fleet: Helped):
    assert "no tenant 'nobody' in the catalogue" in fleet.refused("-x tenant=nobody upgrade head")
    assert fleet.stands() == {}


def test_a_tenant_marked_deleted_is_left_alone(fleet: Helped):
    fleet.done("tenancy tenants remove acme --yes")
    assert "marked deleted and left alone" in fleet.refused("-x tenant=acme upgrade head")
    assert fleet.stands() == {}


def test_two_tenants_that_claim_one_schema_are_refused(fleet: Helped):
    fleet.sql(
        "INSERT INTO tenants (id, identifier, schema_name, created_at)"
        " VALUES ('c', 'crux', 'tenant_acme', now())"
    )
    said = fleet.refused("-x tenant=acme upgrade head")
    assert "'acme', 'crux' all claim the schema 'tenant_acme'" in said
    assert fleet.stands() == {}


def test_a_missing_schema_is_not_made_silently(fleet: Helped):
    fleet.add("crux")
    said = fleet.refused("-x tenant=crux upgrade head")
    assert "'tenant_crux' does not exist; `tenancy upgrade --create --tenant crux`" in said


def test_a_schema_or_a_url_may_be_named_itself(fleet: Helped):
    fleet.done("alembic -x schema=tenant_bolt upgrade r1")
    assert fleet.stands() == {"tenant_bolt": "r1"}
    elsewhere = fleet.url.replace("postgresql:", "postgresql+asyncpg:", 1)
    (fleet.folder / "tenancy.toml").write_text('database_url = "postgresql://nowhere.invalid/x"\n')
    fleet.done(f"alembic -x schema=tenant_bolt -x 'url={elsewhere}' upgrade r2")
    assert fleet.stands() == {"tenant_bolt": "r2"}


def test_a_database_in_which_tenants_have_schemas_is_no_place_by_itself(fleet: Helped):
    said = fleet.refused(f"-x 'url={fleet.url}' upgrade head")
    assert "say which tenant is meant" in said
    assert "is shared by everybody" in fleet.refused("-x schema=public upgrade head")
    assert fleet.stands() == {}


def test_the_name_of_the_schema_will_do(fleet: Helped):
    fleet.done("alembic -x tenant=tenant_bolt upgrade head")
    assert fleet.sql("SELECT DISTINCT note FROM tenant_bolt.items") == [("bolt",)]


def test_a_revision_knows_its_tenant_by_the_schema(fleet: Helped):
    fleet.done("alembic -x schema=tenant_bolt upgrade head")
    assert fleet.sql("SELECT DISTINCT note FROM tenant_bolt.items") == [("bolt",)]


def test_ids_that_are_longer_than_alembics_column(fleet: Helped):
    fleet.revision("r4_" + "long" * 12, "r3")
    fleet.done("alembic -x tenant=acme upgrade head")
    fleet.done("tenancy upgrade")
    found = snapshot(fleet.url).structures
    assert found["tenant_acme"] == found["tenant_bolt"]


def test_a_version_table_in_public_is_not_taken_for_the_tenants(fleet: Helped):
    fleet.sql("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    fleet.sql("INSERT INTO alembic_version VALUES ('r3')")
    fleet.done("alembic -x tenant=acme upgrade r1")
    assert fleet.stands() == {"public": "r3", "tenant_acme": "r1"}


def test_an_unreachable_server_is_told_without_its_password(fleet: Helped):
    (fleet.folder / "tenancy.toml").write_text(
        'database_url = "postgresql://app:secret@nowhere.invalid/x"\nconnect_timeout_s = 2\n'
    )
    for where in ("tenant=acme", "schema=tenant_acme"):
        said = fleet.refused(f"-x {where} upgrade head")
        assert "nowhere.invalid" in said
        assert "secret" not in said


def test_no_database_at_all(fleet: Helped):
    (fleet.folder / "tenancy.toml").write_text("")
    assert "no database_url: set TENANCY_DATABASE_URL" in fleet.refused(
        "-x schema=tenant_acme upgrade head"
    )


def test_the_url_of_alembic_ini_will_do(fleet: Helped):
    (fleet.folder / "tenancy.toml").write_text("")
    fleet.ini(f"sqlalchemy.url = {fleet.url.replace('%', '%%')}")
    fleet.done("alembic -x tenant=acme upgrade r1")
    assert fleet.stands() == {"tenant_acme": "r1"}


def test_the_place_may_be_given_by_the_attributes_of_the_config(
    fleet: Helped, monkeypatch: pytest.MonkeyPatch
):
    from alembic import command
    from alembic.config import Config

    monkeypatch.chdir(fleet.folder)
    monkeypatch.syspath_prepend(fleet.folder)
    config = Config("alembic.ini", attributes={"tenant": "bolt"})
    command.upgrade(config, "r1")
    assert fleet.stands() == {"tenant_bolt": "r1"}


@pytest.mark.parametrize("name", ["connection", "url", "dialect_name"])
def test_an_argument_that_says_where_to_work_is_refused(fleet: Helped, name: str):
    fleet.env(f", {name}=None")
    assert f"take {name}= out" in fleet.refused("-x tenant=acme upgrade head")


def test_a_wrong_setting_is_told_in_a_line(fleet: Helped):
    with (fleet.folder / "tenancy.toml").open("a") as file:
        file.write("concurency = 3\n")
    assert "did you mean concurrency?" in fleet.refused("-x tenant=acme upgrade head")


HALF = """
op.execute("INSERT INTO items (name) VALUES ('half')")
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY by_name ON items (name)")
op.execute("SELECT 1 / count(*) FROM gate")
"""


def test_alembic_does_not_begin_anew_what_is_half_done(fleet: Helped):
    fleet.done("alembic -x tenant=acme upgrade head")
    fleet.revision("r4", "r3", HALF)
    fleet.sql("CREATE TABLE tenant_acme.gate (id int)")
    done = fleet.shell.run("upgrade", "--tenant", "acme")
    assert done.code == 1
    assert "division by zero" in done.err + done.out
    assert (
        "A part of revision r4 is committed here; `tenancy upgrade r4` goes on from there"
        in " ".join((done.err + done.out).split())
    )
    before = snapshot(fleet.url)
    for typed in ("upgrade head", "downgrade -1"):
        said = fleet.refused(f"-x tenant=acme {typed}")
        assert "a part of revision r4 is done here" in said
    assert snapshot(fleet.url) == before
    assert "r3" in fleet.done("alembic -x tenant=acme current")
    fleet.sql("INSERT INTO tenant_acme.gate VALUES (1)")
    fleet.done("tenancy upgrade --tenant acme")
    assert fleet.sql("SELECT count(*) FROM tenant_acme.items WHERE name = 'half'") == [(1,)]
    fleet.done("alembic -x tenant=acme upgrade head")
