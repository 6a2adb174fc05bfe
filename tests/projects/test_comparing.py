"""Autogenerate and check: with a tenant that stands at head, and with its own tables only."""

from __future__ import annotations

import pytest

from helped import Helped

MORE = "\nsa.Table('tags', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"


@pytest.fixture
def standing(fleet: Helped) -> Helped:
    """Bolt at head, acme behind it."""
    fleet.done("alembic -x tenant=acme upgrade r1")
    fleet.done("alembic -x tenant=bolt upgrade head")
    return fleet


def _versions(project: Helped) -> set[str]:
    return {p.name for p in (project.folder / "alembic" / "versions").glob("*.py")}


def test_check_compares_with_a_tenant_at_head(standing: Helped):
    standing.sql("CREATE TABLE public.everybodys (id int)")
    assert "No new upgrade operations detected" in standing.done("alembic check")
    with (standing.folder / "models.py").open("a") as file:
        file.write(MORE)
    assert "add_table" in standing.refused("check")


@pytest.mark.parametrize("line", ["alembic revision", "tenancy revision"])
def test_autogenerate_without_a_tenant(standing: Helped, line: str):
    with (standing.folder / "models.py").open("a") as file:
        file.write(MORE)
    standing.done(f"{line} --autogenerate -m tags --rev-id r4")
    text = (standing.folder / "alembic" / "versions" / "r4_tags.py").read_text()
    assert "create_table('tags'" in text
    assert "drop" not in text.partition("def downgrade")[0]
    assert "schema" not in text
    standing.done("tenancy upgrade")
    assert "No new upgrade operations" in standing.done("alembic check")


def test_a_tenant_may_be_named(standing: Helped):
    assert "No new upgrade operations" in standing.done("alembic -x tenant=bolt check")
    assert "not up to date" in standing.refused("-x tenant=acme check")


def test_a_tenant_without_a_version_table_does_not_borrow_that_of_public(standing: Helped):
    standing.add("crux")
    standing.sql("CREATE SCHEMA tenant_crux")
    standing.sql("CREATE TABLE alembic_version AS SELECT * FROM tenant_bolt.alembic_version")
    assert "not up to date" in standing.refused("-x tenant=crux check")


def test_nobody_at_head_is_said(fleet: Helped):
    said = fleet.refused("revision --autogenerate -m x")
    assert "none of 2 tenants stands there" in said
    assert _versions(fleet) == {"r1.py", "r2.py", "r3.py"}


def test_other_schemas_are_looked_at_only_where_the_models_name_them(standing: Helped):
    standing.env(", include_schemas=True")
    standing.sql("CREATE SCHEMA other; CREATE TABLE other.x (id int)")
    assert "No new upgrade operations" in standing.done("alembic check")


def test_the_projects_own_filter_is_asked_too(standing: Helped):
    standing.env(", include_name=lambda name, kind, parents: name != 'extra'")
    standing.sql("CREATE TABLE tenant_bolt.extra (id int); CREATE TABLE tenant_bolt.more (id int)")
    said = standing.refused("check")
    assert "more" in said
    assert "extra" not in said


def test_a_plain_revision_asks_no_server(fleet: Helped):
    (fleet.folder / "tenancy.toml").write_text('database_url = "postgresql://nowhere.invalid/x"\n')
    fleet.ini("revision_environment = true")
    for line in ("alembic revision", "tenancy revision"):
        fleet.done(f"{line} -m more")
    fleet.revision("side", "r2")
    fleet.done("alembic merge heads -m joined")
    assert len(_versions(fleet)) == 7


def test_the_first_revision_is_compared_with_an_empty_tenant(fleet: Helped):
    for path in (fleet.folder / "alembic" / "versions").glob("*.py"):
        path.unlink()
    fleet.done("alembic revision --autogenerate -m first --rev-id r1")
    assert "create_table('items'" in next(
        p.read_text() for p in (fleet.folder / "alembic" / "versions").glob("r1*")
    )
    fleet.done("tenancy upgrade")
    assert fleet.stands() == {"tenant_acme": "r1", "tenant_bolt": "r1"}
