"""Models of several histories, each compared with its own migrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_desk import Desk
from several import ENV, operations, revision, shop_models

MORE = """
metadata.tables["shared.companies"].append_column(sa.Column("name", sa.Text))
metadata.tables["books"].append_column(sa.Column("title", sa.Text))
sa.Table("cities", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="shared")
sa.Table("pages", metadata, sa.Column("book", sa.ForeignKey("books.id"), primary_key=True))
"""
SCRATCH = "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'tenancy_scratch')"


@pytest.fixture
def modelled(desk: Desk) -> Desk:
    """The shop at head, with models of both histories in one place."""
    shop_models(desk.folder)
    assert desk.run("upgrade", "--create").code == 0
    return desk


def test_each_history_is_compared_with_its_own_models(modelled: Desk):
    done = modelled.run("check")
    assert done.code == 0, done
    assert done.out.splitlines() == [
        "shared: the models are what the migrations make",
        "tenants: the models are what the migrations make",
    ]
    with (modelled.folder / "models.py").open("a") as file:
        file.write(MORE)
    document = modelled.json("check", code=1)
    found = {
        t["track"]: sorted((f["schema"], f["table"], f["operation"]) for f in t["findings"])
        for t in document["tracks"]
    }
    assert found == {
        "shared": [("shared", "cities", "create_table"), ("shared", "companies", "add_column")],
        "tenants": [(None, "books", "add_column"), (None, "pages", "create_table")],
    }
    assert modelled.sql(SCRATCH) == [(0,)]


def test_operations_name_the_schema_that_models_name(modelled: Desk):
    with (modelled.folder / "models.py").open("a") as file:
        file.write(MORE)
    done = modelled.run("revision", "--autogenerate", "-m", "x")
    assert done.code == 2
    assert "which track is meant? Say --track NAME" in done.err
    for track, wanted in (
        (
            "shared",
            [
                "op.create_table('cities',",
                "schema='shared'",
                "op.add_column('companies', sa.Column('name', sa.Text(), nullable=True), schema='shared')",
            ],
        ),
        (
            "tenants",
            [
                "op.create_table('pages',",
                "op.add_column('books', sa.Column('title', sa.Text(), nullable=True))",
            ],
        ),
    ):
        (made,) = modelled.json("revision", "--autogenerate", "-m", "x", "--track", track)[
            "revisions"
        ]
        assert operations(Path(made["path"])) == wanted
    assert modelled.run("upgrade").code == 0
    assert modelled.run("check").code == 0


def test_shared_models_that_name_no_schema(modelled: Desk):
    models = 'import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table("companies", metadata, sa.Column("id", sa.Integer, primary_key=True){more})\n'
    path = modelled.folder / "own.py"
    path.write_text(models.format(more=""))
    env = modelled.folder / "shared" / "env.py"
    env.write_text(env.read_text().replace("from models", "from own"))
    assert modelled.run("check", "--track", "shared").code == 0
    path.write_text(models.format(more=', sa.Column("name", sa.Text)'))
    (made,) = modelled.json("revision", "--autogenerate", "--track", "shared")["revisions"]
    assert operations(Path(made["path"])) == [
        "op.add_column('companies', sa.Column('name', sa.Text(), nullable=True))"
    ]


def test_a_track_without_models_is_left_out(modelled: Desk):
    (modelled.folder / "shared" / "env.py").write_text(ENV.format(options=""))
    done = modelled.run("check")
    assert done.code == 0, done
    assert "env.py gives no models" in done.out
    assert "shared: not compared" in done.out


def test_a_tenant_is_of_the_tenants_track(modelled: Desk):
    for chosen in ((), ("--track", "tenants")):
        done = modelled.run("check", *chosen, "--tenant", "acme")
        assert (done.code, done.out) == (0, "tenants: the models are what tenant acme has\n")
    done = modelled.run("check", "--track", "shared", "--tenant", "acme")
    assert done.code == 2
    assert "the track shared is not about tenants" in done.err


def test_the_stand_in_is_who_it_is_in_every_run(modelled: Desk):
    revision(
        modelled.folder / "shared",
        "s2",
        "s1",
        'assert current_tenant().tags["scope"] == "shared"\nassert current_tenant().identifier == "shared"',
        top="from fastapi_tenancy import current_tenant",
    )
    assert modelled.run("check", "--track", "shared").code == 0
