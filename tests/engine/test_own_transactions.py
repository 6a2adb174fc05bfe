"""A revision that begins and ends transactions by itself stays at its tenant, as under Alembic."""

from __future__ import annotations

import os
from collections.abc import Callable
from textwrap import dedent

import pytest

from fastapi_tenancy.engine.control import Control, control, pieces
from fastapi_tenancy.model.plan import Engine, Road
from project import ITEMS, Project
from same import FLEET, every_road
from snapshot import heads, query, rows, snapshot

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
ROADS = [Engine.AUTO, Engine.REPLAY, Engine.LIVE]
UPDATE = "UPDATE items SET note = note || '!'"
CHANGES = f'op.execute("{UPDATE}")'
DRIVER = "driver = op.get_bind().connection.driver_connection\n"
ENDED = {
    "COMMIT": f'op.execute("COMMIT")\n{CHANGES}',
    "COMMIT in the middle": f'{CHANGES}\nop.execute("commit work -- now")\n{CHANGES}',
    "COMMIT at the end": f'{CHANGES}\nop.execute("END TRANSACTION")',
    "COMMIT AND CHAIN": f'{CHANGES}\nop.execute("COMMIT AND CHAIN")\n{CHANGES}',
    "COMMIT before structure": 'op.execute("COMMIT")\nop.execute("CREATE TABLE b (id int)")',
    "COMMIT before a value of an enum": """
        op.execute("COMMIT")
        op.execute("ALTER TYPE mood ADD VALUE 'b'")
        op.execute("COMMIT")
        op.execute("CREATE TABLE b (m mood DEFAULT 'b')")
    """,
    "COMMIT and BEGIN": f"""
        op.execute("COMMIT")
        op.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        {CHANGES}
        op.execute("INSERT INTO items (name) VALUES ('begun')")
    """,
    "BEGIN and COMMIT": f"""
        op.execute("START TRANSACTION")
        {CHANGES}
        op.execute("COMMIT")
        op.execute("INSERT INTO items (name) VALUES ('after')")
    """,
    "COMMIT among others in one text": f'op.execute("{UPDATE}; COMMIT; CREATE TABLE b (id int); "\n'
    f'    "INSERT INTO b VALUES (1); COMMIT; {UPDATE}")',
    "commit() of SQLAlchemy's raw connection": f"""
        op.get_bind().connection.commit()
        op.get_bind().execute(sa.text("{UPDATE}"))
    """,
    "commit() of the driver": f"""
        {DRIVER.strip()}
        {CHANGES}
        driver.commit()
        {CHANGES}
    """,
    "a cursor of the driver": f"""
        {DRIVER.strip()}
        with driver.cursor() as cursor:
            cursor.execute("{UPDATE}")
            cursor.execute(b"commit")
            cursor.execute("{UPDATE}")
        driver.execute("COMMIT; CREATE TABLE b (id int)")
    """,
    "other cursors of the driver": f"""
        {DRIVER.strip()}
        driver.commit()
        with driver.cursor("named") as cursor:
            cursor.execute("SELECT name FROM items ORDER BY 1")
            first = cursor.fetchone()[0]
        driver.commit()
        with driver.cursor() as cursor, cursor.copy("COPY items (name) FROM STDIN") as copy:
            copy.write_row((first + " copied",))
        driver.commit()
        psycopg.ClientCursor(driver).execute("{UPDATE}")
        psycopg.ClientCursor(driver).execute("COMMIT")
        psycopg.ClientCursor(driver).execute("{UPDATE}")
        driver.commit()
        driver.cursor().executemany("INSERT INTO items (name) VALUES (%s)", [("m1",), ("m2",)])
        driver.commit()
        with driver.pipeline():
            driver.execute("INSERT INTO items (name) VALUES (%s)", ["piped"])
        driver.commit()
        driver.execute(psycopg.sql.SQL("INSERT INTO items (name) VALUES ({{}})").format("sql"))
    """,
    "transaction() of the driver": f"""
        {DRIVER.strip()}
        driver.commit()
        with driver.transaction():
            driver.execute("{UPDATE}")
        with driver.transaction(force_rollback=True):
            driver.execute("{UPDATE}")
        with op.get_context().autocommit_block(), driver.transaction():
            driver.execute("INSERT INTO items (name) VALUES ('in a block')")
    """,
    "BEGIN and COMMIT in an autocommit block": f"""
        with op.get_context().autocommit_block():
            op.execute("BEGIN")
            {CHANGES}
            op.execute("SET LOCAL lock_timeout = '3s'")
            op.execute("CREATE TABLE b AS SELECT current_setting('lock_timeout') AS v")
            op.execute("COMMIT")
            op.execute("COMMIT")
            {CHANGES}
    """,
    "COMMIT before an index that is built concurrently": """
        with op.get_context().autocommit_block():
            op.execute("COMMIT")
            op.execute("CREATE INDEX CONCURRENTLY ix_name ON items (name)")
        op.execute("COMMIT")
        op.execute("INSERT INTO items (name) VALUES ('after')")
    """,
    "savepoints": f"""
        {CHANGES}
        op.execute("SAVEPOINT here")
        {CHANGES}
        op.execute("ROLLBACK TO SAVEPOINT here")
        op.execute("RELEASE here")
        with op.get_bind().begin_nested() as nested:
            {CHANGES}
            nested.rollback()
        op.execute("COMMIT")
        op.execute("SAVEPOINT there")
        op.execute("INSERT INTO items (name) VALUES ('after')")
    """,
}


@pytest.fixture
def decoys(project: Project, schemas: Schemas) -> Project:
    """Tenants at r1, and tables and types of the same names in ``public``."""
    project.revision("r1", None, ITEMS + "op.execute(\"CREATE TYPE mood AS ENUM ('a')\")")
    schemas(*FLEET)
    project.run(FLEET).require_success()
    for sql in (
        "CREATE TYPE public.mood AS ENUM ('a')",
        "CREATE TABLE public.items AS SELECT * FROM a1.items",
        "CREATE TABLE public.alembic_version AS SELECT * FROM a1.alembic_version",
    ):
        query(project.url, sql)
    return project


@pytest.mark.parametrize("ended", ENDED)
def test_stays_at_its_tenant(decoys: Project, copied: Copied, ended: str) -> None:
    before = rows(decoys.url, "public", "items")
    top = "import psycopg, psycopg.sql"
    decoys.revision("r2", "r1", ENDED[ended], top=top)
    decoys.revision("r3", "r2", CHANGES)
    for engine, done in every_road(decoys, copied, ROADS).items():
        assert done.roads["r2"] is Road.LIVE, engine
        assert not done.report.differences, engine
        assert rows(done.url, "public", "items") == before, engine


def test_the_reason_is_told(decoys: Project) -> None:
    decoys.revision("r2", "r1", 'op.execute("COMMIT")')
    done = decoys.run(FLEET).require_success()
    assert done.reasons["r2"] == "needs a connection: a transaction of its own (COMMIT)"


UNDONE = {
    "ROLLBACK": 'op.execute("rollback")',
    "ABORT": 'op.execute("ABORT; " + "SELECT 1")',
    "ROLLBACK that is caught": """
        try:
            op.execute("ROLLBACK")
        except Exception:
            pass
    """,
    "rollback() of SQLAlchemy": "op.get_bind().rollback()",
    "rollback() of SQLAlchemy's raw connection": "op.get_bind().connection.rollback()",
    "a cursor of the driver": DRIVER + 'driver.cursor().execute("ROLLBACK")',
}


@pytest.mark.parametrize("engine", ROADS)
@pytest.mark.parametrize("undone", UNDONE)
def test_what_rolls_back_all_of_it_fails_in_words(
    decoys: Project, engine: Engine, undone: str
) -> None:
    before = snapshot(decoys.url, dump=False)
    decoys.revision("r2", "r1", CHANGES)
    decoys.revision("r3", "r2", "\n".join([CHANGES, dedent(UNDONE[undone]), CHANGES]))
    done = decoys.run(FLEET, engine=engine)
    assert set(done.kinds.values()) == {"failed"}
    for outcome in done.report.outcomes:
        assert (outcome.error or "").startswith("revision r3: ")
        if undone != "rollback() of SQLAlchemy":  # which has words of its own for that
            assert "rolls back the transaction it runs in" in (outcome.error or "")
            assert "begin_nested" in (outcome.error or "")
        assert "OutOfOrder" not in (outcome.error or "")
    assert snapshot(decoys.url, dump=False) == before


def test_a_transaction_is_not_left_prepared(decoys: Project) -> None:
    decoys.revision("r2", "r1", "op.execute(\"PREPARE TRANSACTION 'x'\")")
    done = decoys.run(FLEET)
    assert all("PREPARE TRANSACTION" in (o.error or "") for o in done.report.failures())
    assert set(done.kinds.values()) == {"failed"}


UNSEEN = {
    "COMMIT AND CHAIN": "COMMIT AND CHAIN",
    "settings taken back": "RESET ALL",
}


@pytest.mark.parametrize("unseen", UNSEEN)
def test_the_last_net(decoys: Project, unseen: str) -> None:
    """By a way that is not looked at: what follows in the wrong place is rolled back."""
    before = rows(decoys.url, "public", "items")
    up = f'{DRIVER}psycopg.ClientCursor(driver).execute("{UNSEEN[unseen]}")\n{CHANGES}'
    decoys.revision("r2", "r1", up, top="import psycopg")
    done = decoys.run(FLEET)
    assert set(done.kinds.values()) == {"failed"}
    for outcome in done.report.outcomes:
        assert "ended its transaction in a way that was not seen" in (outcome.error or "")
        assert heads(decoys.url, outcome.target.schema) == {"r1"}
    assert rows(decoys.url, "public", "items") == before


@pytest.mark.parametrize("engine", ROADS)
def test_settings_taken_back_keep_it_at_its_tenant(decoys: Project, engine: Engine) -> None:
    before = rows(decoys.url, "public", "items")
    decoys.revision("r2", "r1", f'op.execute("RESET ALL")\n{CHANGES}')
    decoys.run(FLEET, engine=engine).require_success()
    assert rows(decoys.url, "public", "items") == before
    assert all("!" in row for name in FLEET for row in rows(decoys.url, name, "items"))


HALFWAY = """
{first}
{ends}
if os.environ.get("FAILS"):
    raise RuntimeError("halfway")
op.execute("INSERT INTO items (name) VALUES ('last')")
"""
FIRST = "INSERT INTO items (name) VALUES ('first')"
ENDS = {
    "COMMIT": (f'op.execute("{FIRST}")', 'op.execute("COMMIT")'),
    "commit() of the driver": (f'op.execute("{FIRST}")', f"{DRIVER}driver.commit()"),
    "a cursor": (f'{DRIVER}driver.execute("{FIRST}")', 'driver.cursor().execute("commit")'),
    "in one text": ("pass", f'op.execute("{FIRST}; COMMIT")'),
    "in an autocommit block": (
        "with op.get_context().autocommit_block():",
        f'    op.execute("BEGIN")\n    op.execute("{FIRST}")\n    op.execute("COMMIT")',
    ),
}


@pytest.mark.parametrize("engine", ROADS)
@pytest.mark.parametrize("ends", ENDS)
def test_what_was_committed_halfway_is_not_done_twice(
    decoys: Project, engine: Engine, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, then = ENDS[ends]
    decoys.revision("r2", "r1", HALFWAY.format(first=first, ends=then), top="import os")
    monkeypatch.setitem(os.environ, "FAILS", "1")
    failed = decoys.run(FLEET, engine=engine)
    assert set(failed.kinds.values()) == {"failed"}
    assert all("halfway" in (o.error or "") for o in failed.report.outcomes)
    assert heads(decoys.url, "a1") == {"r1"}
    monkeypatch.delitem(os.environ, "FAILS")
    decoys.run(FLEET, engine=engine).require_success()
    for name in FLEET:
        names = [row.split(",")[1] for row in rows(decoys.url, name, "items")]
        assert sorted(names) == ["first", "last", "one", "three", "two"]


def test_what_controls_a_transaction() -> None:
    assert control("UPDATE a SET v = CASE WHEN true THEN 'commit' END") is None
    assert control("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END") is None
    trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE 1 WHEN 1 THEN 2 END; END"
    assert control(trigger) is None
    assert control(f"{trigger}; COMMIT") is not None
    assert control("COMMIT PREPARED 'x'") is None
    assert control("PREPARE p AS SELECT 1") is None
    assert control("RESET work_mem") is None
    assert control("/* */ end;") is Control.COMMIT
    assert control("SELECT 1; rollback work to x") is Control.BACK
    text = "CREATE RULE r AS ON INSERT TO a DO ALSO (SELECT 1; SELECT 2); COMMIT; SELECT ';'"
    assert [p.sql for p in pieces(text)] == [*text.split("; COMMIT; ")[:1], "COMMIT", "SELECT ';'"]
    assert pieces('SAVEPOINT "A b"')[0].name == "A b"
