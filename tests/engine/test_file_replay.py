"""SQLite files whose revisions are replayed: proven on copies, and given up where that fails."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from fastapi_tenancy.engine import file_desk
from fastapi_tenancy.engine.file_desk import FileDesk
from fastapi_tenancy.engine.prove import CANDIDATES
from fastapi_tenancy.model.event import Event, Warned
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.tenant import Tenant
from files import Folder, strict
from project import ITEMS, ODD, TWO_FACED

NAMES = ("a", "b", "c", "d")
WHOSE = """
from fastapi_tenancy import current_tenant
me = current_tenant().identifier
op.execute(f"UPDATE items SET note = '{me}'")
op.create_index(f"by_{me}", "items", ["note"])
"""
FAMILY = """
op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True))
op.create_table(
    "children",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE")),
)
op.execute("INSERT INTO parents VALUES (1), (2)")
op.execute("INSERT INTO children VALUES (1, 1), (2, 2)")
op.execute(
    "CREATE TRIGGER twice AFTER INSERT ON items WHEN new.note = '' BEGIN"
    " INSERT INTO items (name, note) VALUES (new.name, 'again'); END"
)
"""


@pytest.fixture
def fleet(folder: Folder) -> list[Tenant]:
    """Files at the first revision, and one for plain Alembic."""
    folder.project.revision("r1", None, ITEMS, 'op.drop_table("items")')
    made = folder.make(*NAMES)
    folder.make("plain")
    folder.run(made)
    assert folder.plain("plain") == [None]
    return made


def require_equal(folder: Folder) -> None:
    """Every file holds what plain Alembic has left."""
    for name in NAMES:
        assert folder.dump(name) == folder.dump("plain")


def difficult(folder: Folder) -> None:
    """Two revisions with text that is easily spoilt, a trigger, and rows that depend on others."""
    text = r"""100% "quoted"; -- no :comment \ ''x'' 'y'"""
    folder.project.revision(
        "r2",
        "r1",
        FAMILY
        + f"""
op.add_column("items", sa.Column("when", sa.DateTime, server_default="2020-01-01 00:00:00"))
t = sa.table("items", sa.column("note", sa.Text), sa.column("name", sa.Text))
op.bulk_insert(t, [{{"name": {text!r}, "note": ""}}, {{"name": "new", "note": "\\n"}}])
""",
    )
    folder.project.revision("r3", "r2", 'op.execute("DELETE FROM parents WHERE id = 1")')


def test_it_leaves_what_plain_alembic_leaves(folder: Folder, fleet: list[Tenant]) -> None:
    difficult(folder)
    done = folder.run(fleet)
    assert {r["road"] for r in done.values()} == {"replay"}
    assert folder.plain("plain") == [None]
    require_equal(folder)
    assert folder.rows("a", "SELECT id FROM children ORDER BY id") == [(1,), (2,)]


def test_what_a_project_says_to_each_connection_is_said(
    folder: Folder, fleet: list[Tenant]
) -> None:
    difficult(folder)
    with strict():
        folder.run(fleet[3:], engine=Engine.LIVE)
        done = folder.run(fleet[:3])
    assert {r["road"] for r in done.values()} == {"replay"}
    assert {tuple(folder.dump(n)) for n in NAMES} == {tuple(folder.dump("d"))}
    assert folder.rows("a", "SELECT id FROM children ORDER BY id") == [(2,)]


def test_up_and_down_and_nothing_to_do(folder: Folder, fleet: list[Tenant]) -> None:
    folder.project.revision(
        "r2", "r1", 'op.create_index("by_name", "items", ["name"])', 'op.drop_index("by_name")'
    )
    for command, revision in ((Command.UPGRADE, "head"), (Command.DOWNGRADE, "base")) * 2:
        done = folder.run(fleet, command, revision)
        assert {r["road"] for r in done.values()} == {"replay"}
        assert folder.plain("plain", command=command.value, revision=revision) == [None]
        require_equal(folder)
        done = folder.run(fleet, command, revision)
        assert {r["outcome"] for r in done.values()} == {"already there"}


@pytest.mark.parametrize(
    ("top", "up", "told"),
    [
        (ODD, 'op.add_column("items", sa.Column("odd", Odd))', "changed: table items"),
        (
            TWO_FACED,
            'op.execute(sa.table("items", sa.column("note", TwoFaced)).update().values(note="x"))',
            "writes other rows when replayed",
        ),
    ],
    ids=["structure", "rows"],
)
def test_a_replay_that_would_lie_is_not_taken(
    folder: Folder, fleet: list[Tenant], top: str, up: str, told: str
) -> None:
    folder.project.revision("r2", "r1", up, top=top)
    report = folder.report(fleet)
    (difference,) = report.differences
    assert difference.settled
    assert told in difference.message
    assert {(o.road, o.success) for o in report.outcomes} == {("live", True)}
    assert folder.plain("plain") == [None]
    require_equal(folder)


def test_each_gets_statements_of_its_own(folder: Folder, fleet: list[Tenant]) -> None:
    folder.project.revision("r2", "r1", WHOSE)
    done = folder.run(fleet)
    assert {r["road"] for r in done.values()} == {"per-tenant"}
    for name in NAMES:
        assert folder.rows(name, "SELECT DISTINCT note FROM items") == [(name,)]
        assert folder.rows(name, f"SELECT 1 FROM sqlite_master WHERE name = 'by_{name}'") == [(1,)]


def test_what_reads_or_copies_tables_runs_live(folder: Folder, fleet: list[Tenant]) -> None:
    folder.project.revision(
        "r2",
        "r1",
        """
with op.batch_alter_table("items") as batch:
    batch.alter_column("name", type_=sa.String(90))
""",
    )
    folder.project.revision("r3", "r2", 'op.execute("UPDATE items SET note = name")')
    done = folder.run(fleet)
    assert {r["road"] for r in done.values()} == {"live+replay"}
    assert folder.plain("plain") == [None]
    require_equal(folder)


def test_what_no_transaction_holds_runs_on_a_copy(folder: Folder, fleet: list[Tenant]) -> None:
    folder.project.revision("r2", "r1", 'op.execute("PRAGMA user_version = 7")')
    folder.project.revision("r3", "r2", 'op.execute("UPDATE items SET note = name")')
    done = folder.run(fleet)
    assert {r["road"] for r in done.values()} == {"live"}
    assert {tuple(folder.rows(n, "PRAGMA user_version")) for n in NAMES} == {((7,),)}
    assert not folder.left()


def test_one_failing_file_is_one_failing_file(folder: Folder, fleet: list[Tenant]) -> None:
    for name in ("a", "c"):
        folder.write(name, "INSERT INTO items (name) VALUES ('one')")
    folder.project.revision("r2", "r1", 'op.execute("UPDATE items SET note = name")')
    once = 'op.create_index("once", "items", ["name"], unique=True)'
    folder.project.revision("r3", "r2", 'op.execute("UPDATE items SET note = 1")\n' + once)
    done = folder.run(fleet)
    assert {i: r["success"] for i, r in done.items()} == dict(zip(NAMES, (0, 1, 0, 1), strict=True))
    for name in ("a", "c"):
        assert done[name]["to_revision"] == "r2"
        error = str(done[name]["error"])
        assert error.startswith("revision r3: IntegrityError: UNIQUE constraint failed: items.name")
        assert "statement: CREATE UNIQUE INDEX once ON items (name)" in error
        assert "Traceback" not in error
        assert folder.rows(name, "SELECT count(*) FROM items WHERE note = '1'") == [(0,)]


def test_files_that_tell_nothing_take_the_live_road(
    folder: Folder, fleet: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_desk, "LARGEST", 1)
    more = folder.make(*(f"m{n}" for n in range(CANDIDATES)))
    folder.run(more, engine=Engine.REPLAY)
    folder.project.revision("r2", "r1", 'op.execute("UPDATE items SET note = name")')
    told: list[Event] = []
    done = folder.run([*fleet, *more], listener=told.append)
    assert {(r["road"], r["success"]) for r in done.values()} == {("live", True)}
    (warning,) = [e.message for e in told if isinstance(e, Warned)]
    assert f"none of the first {CANDIDATES} files" in warning


def test_small_fleets_run_live_as_a_whole(folder: Folder, fleet: list[Tenant]) -> None:
    folder.project.revision("r2", "r1", 'op.execute("UPDATE items SET note = name")')
    done = folder.run(fleet[:2])
    assert {r["road"] for r in done.values()} == {"live"}


CASCADING = (
    FAMILY
    + """
op.execute("INSERT INTO children VALUES (3, 1)")
"""
)
REBUILT = """
op.execute("CREATE TABLE other (id INTEGER PRIMARY KEY)")
op.execute("INSERT INTO other SELECT id FROM parents")
op.execute("DROP TABLE parents")
op.execute("ALTER TABLE other RENAME TO parents")
"""


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.REPLAY])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('op.execute("PRAGMA foreign_keys = OFF")', REBUILT),
        (
            'op.execute("PRAGMA foreign_keys = ON")',
            'op.execute("DELETE FROM parents WHERE id = 1")',
        ),
        (
            'op.execute("CREATE TABLE t (a)")\nop.execute("CREATE TEMP TABLE t AS SELECT 1 AS a")',
            'op.execute("INSERT INTO t SELECT 5")',
        ),
        (
            'op.execute("CREATE TEMP TABLE seen AS SELECT id FROM parents")',
            'op.execute("INSERT INTO parents SELECT id + 10 FROM seen")',
        ),
    ],
    ids=["keys off", "keys on", "hidden by a temporary table", "temporary table"],
)
def test_what_a_revision_leaves_in_its_session_is_there_for_the_next(
    folder: Folder, fleet: list[Tenant], engine: Engine, first: str, second: str
) -> None:
    folder.project.revision("r2", "r1", CASCADING)
    folder.run(fleet)
    assert folder.plain("plain") == [None]
    folder.project.revision("r3", "r2", first)
    folder.project.revision("r4", "r3", second)
    folder.project.revision("r5", "r4", 'op.execute("UPDATE items SET note = name")')
    folder.write_environment(FOLLOWING)
    done = folder.run(fleet, engine=engine)
    assert all(r["success"] for r in done.values()), done
    assert folder.plain("plain") == [None]
    require_equal(folder)


FOLLOWING = """
from sqlalchemy import event

def enforce(connection, record):
    connection.execute("PRAGMA foreign_keys = ON")

engine = create_engine(url, poolclass=NullPool)
event.listen(engine, "connect", enforce)
"""


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.REPLAY])
def test_what_env_py_says_to_its_connection_is_said(
    folder: Folder, fleet: list[Tenant], engine: Engine
) -> None:
    folder.project.revision("r2", "r1", CASCADING)
    folder.project.revision("r3", "r2", 'op.execute("DELETE FROM parents WHERE id = 1")')
    folder.write_environment(FOLLOWING)
    done = folder.run(fleet, engine=engine)
    assert all(r["success"] for r in done.values()), done
    assert folder.plain("plain") == [None]
    require_equal(folder)
    assert folder.rows("a", "SELECT id FROM children ORDER BY id") == [(2,)]


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.REPLAY])
def test_a_parameter_without_a_value_is_refused_as_by_a_driver(
    folder: Folder, fleet: list[Tenant], engine: Engine
) -> None:
    folder.project.revision(
        "r2", "r1", """op.execute("INSERT INTO items (name) VALUES ('10 :percent')")"""
    )
    done = folder.run(fleet, engine=engine)
    assert all("required for bind parameter 'percent'" in str(r["error"]) for r in done.values())
    assert folder.rows("a", "SELECT count(*) FROM items WHERE name LIKE '10%'") == [(0,)]


def test_a_file_that_is_locked_while_it_is_copied_is_given_up_in_time(
    folder: Folder, fleet: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.project.revision("r2", "r1", 'op.execute("UPDATE items SET note = name")')
    wanted = FileDesk.replayed_otherwise

    def locked_first(self: FileDesk, stages: tuple[Stage, ...]) -> str | None:
        with closing(sqlite3.connect(folder.file("a"), timeout=0)) as other:
            if self.target.tenant.identifier == "a":
                other.execute("BEGIN EXCLUSIVE")
            return wanted(self, stages)

    monkeypatch.setattr(FileDesk, "replayed_otherwise", locked_first)
    started = time.monotonic()
    done = folder.run(fleet, concurrency=1, lock_timeout_s=1.0)
    assert time.monotonic() - started < 20
    assert {i for i, r in done.items() if r["success"]} >= {"b", "c", "d"}
