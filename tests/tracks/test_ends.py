"""Tracks with a revision where they end: what of them is compared, and for which track."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_desk import Desk
from several import (
    COMPANIES,
    ENV,
    TEMPLATE,
    ini,
    located,
    operations,
    revision,
    scripts,
    shop_models,
)

NAME = 'op.add_column("companies", sa.Column("name", sa.Text))'
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("companies", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="common")
sa.Table("books", metadata, sa.Column("id", sa.Integer, primary_key=True){more})
"""
BOOKS = 'op.create_table("books", sa.Column("id", sa.Integer, primary_key=True))'
SHARED = 'current_tenant().tags.get("scope") == "shared"'
CURRENT = "from fastapi_tenancy import current_tenant"


def test_scripts_of_its_own_are_compared_to_their_end(desk: Desk):
    """The revision in the settings says what is rolled out; the models are ahead of it."""
    shop_models(desk.folder)
    revision(desk.folder / "shared", "s2", "s1", NAME)
    toml = desk.folder / "tenancy.toml"
    toml.write_text(toml.read_text() + 'revision = "s1"\n')
    done = desk.run("check", "--track", "shared")
    assert done.code == 1
    assert "column name is not in the models" in done.out
    with (desk.folder / "models.py").open("a") as file:
        file.write(
            'metadata.tables["shared.companies"].append_column(sa.Column("name", sa.Text))\n'
        )
    assert desk.run("check").code == 0
    with (desk.folder / "models.py").open("a") as file:
        file.write('metadata.tables["shared.companies"].append_column(sa.Column("tax", sa.Text))\n')
    done = desk.run("revision", "--autogenerate", "--track", "shared", "--rev-id", "s3")
    assert done.code == 0, done
    assert "the track shared is brought to s1 and no further: raise revision" in done.out
    (path,) = (desk.folder / "shared" / "versions").glob("s3*.py")
    assert "'s2'" in path.read_text()
    assert "'tax'" in path.read_text()


@pytest.fixture
def both(bare: Desk) -> Desk:
    """One script directory for what is shared and for tenants, with models of both."""
    bare.folder.joinpath("models.py").write_text(MODELS.format(more=""))
    folder = scripts(bare.folder / "migrations")
    (folder / "env.py").write_text("from models import metadata\n" + ENV.format(options="metadata"))
    (folder / "script.py.mako").write_text(TEMPLATE)
    ini(
        bare.folder / "alembic.ini", {"alembic": {**located("migrations"), "prepend_sys_path": "."}}
    )
    return bare


def _tracks(desk: Desk, shared: str, tenants: str = "") -> None:
    desk.folder.joinpath("tenancy.toml").write_text(
        f'[tracks.common]\nscope = "shared"\nrevision = "{shared}"\n'
        f'[tracks.own]\nscope = "tenant"\nafter = ["common"]\n{tenants}'
    )


def test_scripts_of_another_track_are_compared_there(both: Desk):
    folder = both.folder / "migrations"
    revision(folder, "c1", None, f"if {SHARED}:\n    {COMPANIES}", top=CURRENT)
    revision(folder, "o2", "c1", BOOKS)
    _tracks(both, "c1")
    done = both.run("check")
    assert done.code == 0, done
    assert "its scripts are those of the track own, and compared to their end there" in done.out
    assert done.out.splitlines()[-2:] == [
        "common: not compared",
        "own: the models are what the migrations make",
    ]
    done = both.run("revision", "--autogenerate", "--track", "common")
    assert done.code == 2
    assert "is brought to c1 and no further" in done.err
    assert "--track own" in done.err


def test_each_branch_is_compared_at_its_own_head(both: Desk):
    folder = both.folder / "migrations"
    revision(folder, "c1", None, COMPANIES, labels=("common",))
    revision(folder, "o1", None, BOOKS, labels=("own",))
    _tracks(both, "common@head", 'revision = "own@head"\n')
    assert both.run("tenants", "add", "acme").code == 0
    assert both.run("check").code == 0
    both.folder.joinpath("models.py").write_text(MODELS.format(more=', sa.Column("x", sa.Text)'))
    document = both.json("check", code=1)
    found = {t["track"]: [f["found"] for f in t["findings"]] for t in document["tracks"]}
    assert found == {"common": [], "own": ["column x is in the models only"]}
    (made,) = both.json("revision", "--autogenerate", "-m", "x", "--track", "own")["revisions"]
    assert operations(Path(made["path"])) == [
        "op.add_column('books', sa.Column('x', sa.Text(), nullable=True))"
    ]
    assert "'o1'" in Path(made["path"]).read_text()
    assert both.run("check").code == 0
    assert both.run("upgrade", "--create").code == 0
    done = both.run("check", "--tenant", "acme")
    assert (done.code, done.out) == (0, "own: the models are what tenant acme has\n")
