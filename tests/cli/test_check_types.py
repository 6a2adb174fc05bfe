"""`tenancy check` looks at what Alembic does not compare, or compares and only warns of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cli_desk import Desk
from test_check import found
from test_revision import FOLLOWING, SCHEMAS, env

TABLE = """
sa.Table(
    "visits", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mood", sa.Enum("ok", "sad", name="mood", metadata=metadata)),
    sa.Column("moods", postgresql.ARRAY(sa.Enum("ok", "sad", name="mood", metadata=metadata))),
    sa.Column("state", State()),
    sa.Column("twice", sa.Numeric, sa.Computed("id * 2", persisted=True)),
)
"""
MODELS = f"""\
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

class State(sa.types.TypeDecorator):
    impl = sa.Enum("new", "old", name="State")
    cache_ok = True

metadata = sa.MetaData()
sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text),
    sa.Column("author", sa.Text))
{TABLE}"""
REVISION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade():
    op.execute("CREATE TYPE mood AS ENUM ('ok', 'sad')")
    op.execute("CREATE TYPE \\"State\\" AS ENUM ('old', 'new')")
    op.execute(
        "CREATE TABLE visits (id serial PRIMARY KEY, mood mood, moods mood[], state \\"State\\","
        " twice numeric GENERATED ALWAYS AS (id * 2) STORED)"
    )
"""


@pytest.fixture
def visits(desk: Desk) -> Desk:
    """Models and migrations that agree."""
    (desk.folder / "migrations" / "versions" / "0004_visits.py").write_text(REVISION)
    text = FOLLOWING.replace(
        "{models}",
        "    import sys; sys.path.insert(0, {folder!r})\n    from models_of_visits import metadata",
    )
    env(desk, text, folder=str(desk.folder), options=", compare_server_default=True")
    write(desk.folder)
    return desk


def write(folder: Path, *changes: tuple[str, str]) -> None:
    text = MODELS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    sys.modules.pop("models_of_visits", None)
    (folder / "models_of_visits.py").write_text(text)


def test_values_and_expressions_that_agree(visits: Desk):
    before = visits.sql(SCHEMAS)
    done = visits.run("check")
    assert (done.code, done.out, done.err) == (0, "the models are what the migrations make\n", "")
    assert visits.sql(SCHEMAS) == before


def test_a_value_that_no_migration_adds(visits: Desk):
    write(visits.folder, ('"ok", "sad"', '"ok", "mad", "sad"'), ('"new", "old"', '"new"'))
    assert found(visits) == [
        ("models", "migrations", "visits", "the enum mood has no 'mad', in the models it has"),
        ("models", "migrations", "visits", "the enum State has 'old', in the models it has not"),
    ]
    assert [f["note"] for f in visits.json("check", code=1)["findings"]] == [False, True]


def test_a_column_that_is_computed_in_another_way(visits: Desk):
    write(visits.folder, ("id * 2", "id * 3"))
    done = visits.run("check")
    assert (done.code, done.err) == (1, "")
    told = "column twice is computed in another way than in the models"
    assert found(visits) == [("models", "migrations", "visits", told)]


def test_types_are_not_compared_where_nobody_wants_it(visits: Desk):
    path = visits.folder / "migrations" / "env.py"
    path.write_text(path.read_text().replace("compare_server_default=True", "compare_type=False"))
    write(visits.folder, ('"ok", "sad"', '"ok", "mad", "sad"'), ("id * 2", "id * 3"))
    assert found(visits, code=0) == []
