"""What a revision leaves in its session is gone before the next tenant's turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from fastapi_tenancy.engine.residue import Residue, residue
from fastapi_tenancy.model.plan import Engine
from pooler import PROGRAM, pooled
from project import Project
from same import FLEET, both_roads, every_road
from snapshot import query

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
ROADS = [Engine.AUTO, Engine.REPLAY, Engine.LIVE]
MADE = 'op.execute("CREATE TEMP TABLE{0} tmp AS SELECT name FROM items")\n'
COPIED = 'op.execute("CREATE TABLE copy AS SELECT * FROM tmp")'
LEFT = {
    "a temporary table that may be there": MADE.format(" IF NOT EXISTS") + COPIED,
    "a temporary table": MADE.format("") + COPIED,
    "a temporary table, on a connection": "op.get_bind()\n" + MADE.format("") + COPIED,
    "a temporary sequence": """
        op.execute("CREATE TEMP SEQUENCE numbers")
        op.execute("CREATE TABLE copy AS SELECT nextval('numbers') AS v")
    """,
    "a prepared statement": """
        op.execute("PREPARE p AS SELECT name FROM items")
        op.execute("CREATE TABLE copy AS EXECUTE p")
    """,
    "a setting of one's own": """
        op.execute("SELECT set_config('app.x', coalesce(current_setting('app.x', true), 'new')"
                   " || '1', false)")
        op.execute("CREATE TABLE copy AS SELECT current_setting('app.x') AS v")
    """,
    "a setting of one's own, by SET": """
        op.execute("CREATE TABLE copy AS SELECT current_setting('app.x', true) AS v")
        op.execute("SET app.x = 'seen'")
    """,
    "a setting of PostgreSQL's": """
        op.execute("CREATE TABLE copy AS SELECT current_setting('extra_float_digits') AS v")
        op.execute("SET extra_float_digits = 3")
    """,
    "a cursor": 'op.execute("DECLARE c CURSOR WITH HOLD FOR SELECT name FROM items")',
    "a lock of the session": 'op.execute("SELECT pg_advisory_lock(1)")',
    "what a function makes": """
        op.execute("CREATE FUNCTION made() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
                   " CREATE TEMP TABLE inside (n int); RETURN 1; END $$")
        op.execute("ALTER TABLE items ADD COLUMN n int DEFAULT 1, ALTER note TYPE text"
                   " USING note")
        op.execute("UPDATE items SET n = made() WHERE name = 'own'")
    """,
    "what a function makes in an expression": """
        op.execute("CREATE FUNCTION made() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
                   " CREATE TEMP TABLE IF NOT EXISTS inside AS SELECT name FROM items;"
                   " RETURN (SELECT count(*) FROM inside); END $$")
        op.execute("ALTER TABLE items ADD COLUMN n int DEFAULT made()")
    """,
    "a role": """
        op.execute("CREATE TABLE copy AS SELECT current_user::text AS v")
        op.execute("SET SESSION AUTHORIZATION DEFAULT")
        op.execute("SET ROLE pg_read_all_data")
        op.execute("RESET ROLE")
    """,
    "settings of the driver's connection": """
        bind = op.get_bind()
        assert "seen" not in bind.info
        bind.info["seen"] = True
        assert bind.execution_options().get_execution_options().get("logging_token") is None
        bind.execution_options(logging_token="seen")
        driver = bind.connection.driver_connection
        assert driver.execute("SELECT 1").fetchone() == (1,)
        driver.row_factory = psycopg.rows.dict_row
    """,
}


@pytest.fixture
def own(seeded: Project) -> Project:
    """Tenants of which each has as many rows as none of the others."""
    for number, name in enumerate(FLEET):
        query(
            seeded.url,
            f"INSERT INTO {name}.items (name) SELECT 'own ' || n FROM generate_series(0, {number}) n",
        )
        query(seeded.url, f"UPDATE {name}.items SET name = 'own' WHERE name = 'own 0'")
    return seeded


@pytest.mark.parametrize("left", LEFT)
def test_is_not_met_by_the_next_tenant(own: Project, copied: Copied, left: str) -> None:
    own.revision("r2", "r1", LEFT[left], top="import psycopg.rows")
    for engine, done in every_road(own, copied, ROADS, concurrency=2).items():
        assert not done.report.differences, engine


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("lock", ["", "op.execute('SELECT pg_advisory_lock(1)')\n"])
def test_is_met_by_the_next_revision_of_the_same_tenant(
    own: Project, copied: Copied, concurrency: int, lock: str
) -> None:
    own.environment("transaction_per_migration=True")
    own.revision("r2", "r1", lock + MADE.format(""))
    own.revision("r3", "r2", COPIED)
    own.revision("r4", "r3", 'op.execute("CREATE TABLE again AS SELECT * FROM tmp")')
    for engine, done in every_road(own, copied, ROADS, concurrency=concurrency).items():
        assert not done.report.differences, engine
        told = any("--concurrency 2" in warning for warning in done.warnings)
        assert told == (engine is Engine.AUTO and concurrency == 1), engine


def test_one_connection_proves_what_leaves_nothing(own: Project, copied: Copied) -> None:
    own.environment("transaction_per_migration=True")
    own.revision("r2", "r1", 'op.add_column("items", sa.Column("z", sa.Integer))')
    own.revision("r3", "r2", 'op.create_index("ix_z", "items", ["z"])')
    done = both_roads(own, copied, concurrency=1)
    assert not done.warnings
    assert list(done.taken.values()).count("replay") == len(FLEET) - 1


@pytest.fixture
def through(own: Project) -> Iterator[Project]:
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    direct = own.url
    with pooled(own.url, size=2) as own.url:
        yield own
    own.url = direct


@pytest.mark.parametrize("engine", ROADS)
@pytest.mark.parametrize(
    "left",
    [n for n in LEFT if n not in ("a cursor", "a setting of one's own, by SET")],
)
def test_is_not_left_to_the_others_behind_a_pooler(
    through: Project, engine: Engine, left: str
) -> None:
    through.revision("r2", "r1", LEFT[left], top="import psycopg.rows")
    done = through.run(FLEET, engine=engine, concurrency=4).require_success()
    assert not done.report.differences
    with psycopg.connect(through.url, autocommit=True, prepare_threshold=None) as connection:
        for _ in range(6):
            found = connection.execute(
                "SELECT (SELECT count(*) FROM pg_class WHERE pg_table_is_visible(oid)"
                " AND relpersistence = 't'), (SELECT count(*) FROM pg_prepared_statements"
                " WHERE from_sql), (SELECT count(*) FROM pg_cursors WHERE is_holdable),"
                " (SELECT count(*) FROM pg_locks JOIN pg_database d ON"
                " d.oid = database WHERE locktype = 'advisory' AND datname = current_database()),"
                " coalesce(current_setting('app.x', true), ''), current_user = session_user,"
                " current_setting('search_path')"
            ).fetchone()
            assert found == (0, 0, 0, 0, "", True, '"$user", public')
    if COPIED in LEFT[left]:
        for name in FLEET:
            found = query(through.url, f"SELECT name FROM {name}.items ORDER BY 1")
            assert query(through.url, f"SELECT name FROM {name}.copy ORDER BY 1") == found


PLAIN = [
    "ALTER TABLE item_0 ADD COLUMN extra INTEGER",
    'CREATE UNIQUE INDEX "ix" ON "s"."item_0" (a, lower(b))',
    "CREATE TABLE a (id SERIAL NOT NULL, v VARCHAR(60) DEFAULT now(), PRIMARY KEY (id),"
    " FOREIGN KEY(v) REFERENCES b (id), CONSTRAINT c CHECK (id > 0))",
    "ALTER TABLE a ADD CONSTRAINT uq UNIQUE (v); DROP TABLE b; -- done",
    "CREATE TYPE mood AS ENUM ('temp', 'set_config')",
    "COMMENT ON TABLE a IS 'TEMP'",
]
NOT_PLAIN = [
    "CREATE TEMP TABLE a (id int)",
    "create /* not */ temporary view v AS SELECT 1",
    'CREATE TABLE "pg_temp".a (id int)',
    "ALTER TABLE a ADD COLUMN n int DEFAULT made()",
    "UPDATE a SET v = 1",
    "SELECT 1",
    "DROP TABLE a; SET ROLE x",
    "DO 'BEGIN END'",
    "WITH x AS (SELECT 1) SELECT * FROM x",
]


@pytest.mark.parametrize("sql", PLAIN)
def test_plain_structure_leaves_nothing(sql: str) -> None:
    expected = Residue.CONNECTION if "set_config" in sql else Residue.NOTHING
    assert residue(sql) is expected


@pytest.mark.parametrize("sql", NOT_PLAIN)
def test_whatever_may_run_code_leaves_something(sql: str) -> None:
    assert residue(sql) is Residue.SESSION


@pytest.mark.parametrize(
    "sql", ["SET app.x = 1", "SELECT set_config('a.b', '1', true)", "LOAD 'auto_explain'"]
)
def test_what_a_connection_never_forgets(sql: str) -> None:
    assert residue(sql) is Residue.CONNECTION
