"""What a revision depends on beside its own text: each input is honoured as plain Alembic does."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from fastapi_tenancy.model.plan import Command, Engine, Road
from project import ITEMS, TWO_FACED, Done, Project
from same import FLEET, both_roads
from snapshot import heads, query, rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]


def test_environment_variables(
    seeded: Project, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "eu-1")
    seeded.revision(
        "r2",
        "r1",
        "op.execute(f\"UPDATE items SET note = '{os.environ['REGION']}'\")",
        top="import os",
    )
    done = both_roads(seeded, copied, environ={"REGION": "eu-1"})
    assert done.roads["r2"] is Road.REPLAY


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_naming_convention_of_target_metadata(
    seeded: Project, copied: Copied, engine: Engine
) -> None:
    seeded.environment(
        "target_metadata=meta",
        top='meta = sa.MetaData(naming_convention={"ix": "i__%(table_name)s__%(column_0_name)s",'
        ' "uq": "u__%(table_name)s__%(column_0_name)s", "fk": "f__%(table_name)s__%(column_0_name)s",'
        ' "ck": "c__%(table_name)s__%(constraint_name)s", "pk": "p__%(table_name)s"})',
    )
    seeded.revision(
        "r2",
        "r1",
        """
        op.create_table(
            "named", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("item", sa.Integer, sa.ForeignKey("items.id"), index=True),
            sa.Column("code", sa.String, unique=True), sa.CheckConstraint("code <> ''", name="some"))
        op.create_unique_constraint(None, "items", ["name"])
        """,
    )
    both_roads(seeded, copied, engine=engine)
    named = {r[0] for r in query(seeded.url, "SELECT conname FROM pg_constraint")}
    assert {"p__named", "f__named__item", "u__named__code", "c__named__some"} <= named


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_env_that_makes_a_wider_version_table(
    project: Project, schemas: Schemas, copied: Copied, engine: Engine
) -> None:
    project.environment(
        before="""
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(200) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))")
        connection.commit()
        """
    )
    long = "a_revision_id_that_is_longer_than_alembics_own_32_characters"
    project.revision(long, None, ITEMS, "op.drop_table('items')")
    project.revision(
        "r2" + long,
        long,
        "op.add_column('items', sa.Column('z', sa.Integer))",
        "op.drop_column('items', 'z')",
    )
    schemas(*FLEET)
    copy = copied()
    # env.py widens the table of each tenant it runs for; the engine runs it once for all.
    project.run(FLEET, engine=engine).require_success()
    assert project.plain(FLEET, url=copy) == [None] * 5
    assert project.plain(FLEET) == [None] * 5
    for name in FLEET:
        assert heads(project.url, name) == heads(copy, name) == {"r2" + long}
    project.run(FLEET, "base", Command.DOWNGRADE, engine=engine)
    assert project.plain(FLEET) == [None] * 5


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_state_that_is_used_up_once_per_import(
    seeded: Project, copied: Copied, engine: Engine
) -> None:
    seeded.revision(
        "r2",
        "r1",
        """
        while todo:
            op.execute(todo.pop())
        """,
        top="todo = [\"UPDATE items SET note = 'used'\"]",
    )
    both_roads(seeded, copied, engine=engine)
    assert all("used" in row for name in FLEET for row in rows(seeded.url, name, "items"))


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
def test_arguments_of_run_migrations(seeded: Project, copied: Copied, engine: Engine) -> None:
    # Alembic passes them to every revision, so r1 is no longer part of the history to come.
    seeded.environment(arguments="flavour='sour'")
    seeded.revision(
        "r2", "r1", "op.execute(f\"UPDATE items SET note = '{flavour}'\")", arguments="flavour"
    )
    done = both_roads(seeded, copied, engine=engine)
    assert done.roads["r2"] is (Road.REPLAY if engine is Engine.AUTO else Road.LIVE)


def test_a_revision_that_commits_its_own_transaction(seeded: Project) -> None:
    seeded.revision(
        "r2",
        "r1",
        """
        op.get_bind().execute(sa.text("UPDATE items SET note = 'kept'"))
        op.get_bind().commit()
        """,
    )
    seeded.revision("r3", "r2", "op.add_column('items', sa.Column('z', sa.Integer))")
    done = seeded.run(FLEET)
    _told_as_it_is(seeded, done)


def test_a_revision_that_rolls_back(seeded: Project) -> None:
    seeded.revision("r2", "r1", "op.get_bind().rollback()")
    _told_as_it_is(seeded, seeded.run(FLEET))


def _told_as_it_is(project: Project, done: Done) -> None:
    """A success stands at the head; what does not is a failure that says where it stands."""
    head = project.revisions[-1]
    for outcome in done.report.outcomes:
        at = heads(project.url, outcome.target.schema)
        assert outcome.success == (at == {head})
        assert set(outcome.to_heads) == at
        if not outcome.success:
            assert outcome.error
    assert query(project.url, "SELECT to_regclass('public.alembic_version')") == [(None,)]


def test_a_second_connection_is_at_the_same_tenant(seeded: Project) -> None:
    seeded.revision(
        "r2",
        "r1",
        """
        with op.get_bind().engine.connect() as other:
            other.execute(sa.text("UPDATE items SET note = 'second'"))
            other.commit()
        """,
    )
    before = query(
        seeded.url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    done = seeded.run(FLEET).require_success()
    assert done.roads["r2"] is Road.LIVE
    for name in FLEET:
        assert all("second" in row for row in rows(seeded.url, name, "items"))
    after = query(
        seeded.url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert before == after


def test_an_engine_made_by_the_revision_is_seen(seeded: Project) -> None:
    seeded.revision(
        "r2",
        "r1",
        f"""
        try:
            engine = sa.create_engine({seeded.url.replace("postgresql:", "postgresql+psycopg:")!r},
                poolclass=sa.NullPool)
            with engine.connect() as other:
                found = other.scalar(sa.text("SELECT count(*) FROM pg_namespace"))
            op.execute("UPDATE items SET note = 'looked'")
        except Exception:
            pass
        """,
    )
    assert seeded.run(FLEET).require_success().roads["r2"] is Road.LIVE
    assert all("looked" in row for name in FLEET for row in rows(seeded.url, name, "items"))


def test_an_extension_is_told_of(seeded: Project) -> None:
    with psycopg.connect(seeded.url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
        ).fetchone()
    if found is None:
        pytest.skip("this PostgreSQL has no pg_trgm")
    seeded.revision("r2", "r1", "op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')")
    seeded.revision(
        "r3",
        "r2",
        "op.execute('CREATE INDEX trgm ON items USING gin (name gin_trgm_ops)')",
    )
    done = seeded.run(FLEET)
    # The first tenant gets the extension, the others do not see its operator class.
    assert list(done.kinds.values()).count("failed") == len(FLEET) - 1
    assert any("pg_trgm" in warning and "extension" in warning for warning in done.warnings)
    for outcome in done.report.failures():
        assert "r3" in (outcome.error or "")
        assert "gin_trgm_ops" in (outcome.error or "")


def test_a_type_whose_literal_is_not_its_bound_value(seeded: Project, copied: Copied) -> None:
    seeded.revision(
        "r2",
        "r1",
        """
        t = sa.table("items", sa.column("note", TwoFaced))
        op.execute(t.update().values(note="x"))
        """,
        top=TWO_FACED,
    )
    done = both_roads(seeded, copied)
    assert done.roads["r2"] is Road.REPLAY
    difference = done.report.differences[0]
    assert difference.settled
    assert "r2" in difference.message
    assert "literal x" in difference.message
    assert "bound x" in difference.message
    assert set(done.taken.values()) == {"live"}


def test_whose_turn_it_is_by_current_tenant(seeded: Project, copied: Copied) -> None:
    seeded.revision("r2", "r1", WHOSE_TURN, "op.drop_column('items', 'gold')", top=WHOSE_TOP)
    done = both_roads(seeded, copied)
    assert done.roads["r2"] is Road.PER_TENANT
    gold = query(
        seeded.url, "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'gold'"
    )
    assert gold == [("a3.items",)]


WHOSE_TOP = """
def whose():
    from fastapi_tenancy.history.identity import current_identity
    identity = current_identity()
    if identity is None:  # plain Alembic
        return context.get_x_argument(as_dictionary=True)["tenant"]
    return identity.tenant().identifier
"""
WHOSE_TURN = """
if whose() == "a3":
    op.add_column("items", sa.Column("gold", sa.Integer))
"""
