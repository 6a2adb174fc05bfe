"""Tenants in SQLite files: as plain Alembic leaves them, and never half a revision."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine import file_copy
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.model.event import Event, TargetFinished
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl
from files import Folder, strict, tenant
from project import ITEMS, Project

READS = """
bind = op.get_bind()
for id_, name in bind.execute(sa.text("SELECT id, name FROM items ORDER BY id")).all():
    bind.execute(sa.text("UPDATE items SET note = :n WHERE id = :i"), {"n": name * 2, "i": id_})
"""
BATCH = """
op.create_table(
    "parts",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE")),
)
op.execute("INSERT INTO parts (item) VALUES (1), (2)")
with op.batch_alter_table("items") as batch:
    batch.alter_column("name", type_=sa.String(90))
    batch.add_column(sa.Column("weight", sa.Integer, server_default="1"))
"""
UNBATCH = """
op.drop_table("parts")
with op.batch_alter_table("items") as batch:
    batch.drop_column("weight")
    batch.alter_column("name", type_=sa.String(60))
"""
CASCADE = """
op.execute("PRAGMA foreign_keys = OFF")
with op.batch_alter_table("items", recreate="always") as batch:
    batch.create_check_constraint("light", "weight < 100")
op.execute("PRAGMA foreign_keys = ON")
"""
UNCASCADE = """
op.execute("PRAGMA foreign_keys = OFF")
with op.batch_alter_table("items", recreate="always") as batch:
    batch.drop_constraint("light", type_="check")
"""
VACUUM = """
with op.get_context().autocommit_block():
    op.execute("VACUUM")
op.create_index("by_name", "items", ["name"])
"""


def whole_history(project: Project) -> None:
    project.revision("r1", None, ITEMS, 'op.drop_table("items")')
    project.revision("r2", "r1", READS, "op.execute(\"UPDATE items SET note = ''\")")
    project.revision("r3", "r2", BATCH, UNBATCH)
    project.revision("r4", "r3", CASCADE, UNCASCADE)
    project.revision("r5", "r4", VACUUM, 'op.drop_index("by_name")')


@pytest.mark.parametrize("wal", [False, True], ids=["journal", "wal"])
@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.REPLAY])
def test_files_end_as_plain_alembic_leaves_them(folder: Folder, engine: Engine, wal: bool) -> None:
    whole_history(folder.project)
    fleet = folder.make("a", "b", "c", wal=wal)
    folder.make("plain", wal=wal)
    way: list[tuple[Command, str]] = [
        (Command.UPGRADE, "head"),
        (Command.UPGRADE, "head"),
        (Command.DOWNGRADE, "-1"),
        (Command.DOWNGRADE, "r2"),
        (Command.UPGRADE, "+2"),
        (Command.UPGRADE, "head"),
        (Command.DOWNGRADE, "base"),
    ]
    for command, revision in way:
        assert folder.plain("plain", command=command.value, revision=revision) == [None]
        done = folder.run(fleet, command, revision, engine=engine)
        assert all(r["success"] for r in done.values()), done
        for name in "abc":
            assert folder.dump(name) == folder.dump("plain"), (command, revision)
            assert folder.rows(name, "PRAGMA journal_mode") == [("wal" if wal else "delete",)]
    assert not folder.left()


def test_where_files_stand_is_told(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    (a, b) = folder.make("a", "b")
    done = folder.run([a])
    assert done["a"]["outcome"] == "migrated"
    assert done["a"]["road"] == "live"  # alone, it has nobody to be proven for
    assert folder.run([a])["a"]["outcome"] == "already there"
    found = folder.positions([a, b, tenant("c")])
    assert found["a"].heads == ("r1",)
    assert found["b"].state is PositionState.UNVERSIONED
    assert found["c"].state is PositionState.MISSING
    assert not folder.file("c").exists()


def test_a_stamp_changes_version_rows_only(folder: Folder) -> None:
    whole_history(folder.project)
    fleet = folder.make("a")
    done = folder.run(fleet, Command.STAMP, "r4")
    assert done["a"]["to_revision"] == "r4"
    assert folder.rows("a", "SELECT name FROM sqlite_master WHERE type = 'table'") == [
        ("alembic_version",)
    ]
    folder.run(fleet, Command.STAMP, "r2")
    assert folder.positions(fleet)["a"].heads == ("r2",)
    done = folder.run(fleet, Command.STAMP, "base")
    assert done["a"]["success"], done["a"]["error"]
    assert folder.positions(fleet)["a"].heads == ()


def test_a_missing_file_is_told_or_made_with_its_folder(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    url = DatabaseUrl(f"sqlite:///{folder.root}/deep/er/x.db")
    fleet = [tenant("x", database_url=url)]
    done = folder.run(fleet)
    assert "the file does not exist; create it first, or let --create" in str(done["x"]["error"])
    assert not (folder.root / "deep").exists()
    made = folder.run(fleet, create=True)
    assert made["x"]["success"], made
    assert (folder.root / "deep/er/x.db").stat().st_size > 0


def test_cascades_do_not_fire_where_the_revision_turned_them_off(folder: Folder) -> None:
    whole_history(folder.project)
    fleet = folder.make("a", "b")
    folder.run(fleet, revision="r3")
    with strict():
        done = folder.run(fleet)
    assert all(r["success"] for r in done.values()), done
    assert folder.rows("a", "SELECT id, item FROM parts") == [(1, 1), (2, 2)]


FAILING = {
    "in its transaction": """
op.create_table("extra", sa.Column("id", sa.Integer))
op.execute("UPDATE items SET note = 'gone'")
op.execute("SELECT no_such_function()")
""",
    "after a pragma": """
op.execute("PRAGMA foreign_keys = OFF")
op.create_table("extra", sa.Column("id", sa.Integer))
op.execute("UPDATE items SET note = 'gone'")
op.execute("SELECT no_such_function()")
""",
    "after a commit of its own": """
op.execute("UPDATE items SET note = 'gone'")
with op.get_context().autocommit_block():
    op.execute("UPDATE items SET name = 'gone'")
    op.execute("VACUUM")
op.execute("SELECT no_such_function()")
""",
    "in a script of the driver": """
op.get_bind().connection.driver_connection.executescript(
    "CREATE TABLE extra (id); UPDATE items SET note = 'gone'; SELECT no_such_function();"
)
""",
    "over a second connection": """
op.execute("UPDATE items SET note = 'gone'")
op.get_bind().commit()
with op.get_bind().engine.connect() as other:
    other.execute(sa.text("UPDATE items SET name = 'gone'"))
    other.commit()
op.execute("SELECT no_such_function()")
""",
}


@pytest.mark.parametrize("source", FAILING.values(), ids=FAILING)
def test_a_failing_revision_leaves_the_file_as_it_was(folder: Folder, source: str) -> None:
    folder.project.revision("r1", None, ITEMS)
    fleet = folder.make("a", "b")
    folder.run(fleet)
    before = folder.dump("a")
    folder.project.revision("r2", "r1", source)
    done = folder.run(fleet)
    assert not done["a"]["success"]
    assert "revision r2" in str(done["a"]["error"])
    assert "no such function: no_such_function" in str(done["a"]["error"])
    assert done["a"]["to_revision"] == "r1"
    assert folder.dump("a") == before
    assert not folder.left()


def test_a_revision_that_swallows_what_it_did_outside_is_seen(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    swallowing = """
try:
    op.execute("PRAGMA foreign_keys = OFF")
except Exception:
    op.execute("UPDATE items SET note = 'refused'")
"""
    folder.project.revision("r2", "r1", swallowing)
    (a,) = folder.make("a")
    assert folder.run([a])["a"]["success"]
    assert folder.rows("a", "SELECT count(*) FROM items WHERE note = 'refused'") == [(0,)]


def test_a_journal_that_a_revision_chooses_stays_chosen(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    folder.project.revision(
        "r2",
        "r1",
        'op.execute("PRAGMA journal_mode = wal")',
        'op.execute("PRAGMA journal_mode = delete")',
    )
    (a,) = folder.make("a")
    assert folder.run([a])["a"]["success"]
    assert folder.rows("a", "PRAGMA journal_mode") == [("wal",)]
    assert folder.run([a], Command.DOWNGRADE)["a"]["success"]
    assert folder.rows("a", "PRAGMA journal_mode") == [("delete",)]
    assert len(folder.rows("a", "SELECT * FROM items")) == 3


def test_bad_files_are_told_and_left_alone(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    fleet = folder.make("fine", "busy", "shut")
    folder.file("text").write_text("this is a letter, not a database, and it is long enough" * 20)
    folder.file("dir").mkdir()
    folder.file("view")
    fleet += [tenant("text"), tenant("dir"), tenant("mem", database_url=DatabaseUrl("sqlite://"))]
    text = folder.file("text").read_bytes()
    with closing(sqlite3.connect(folder.file("busy"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = folder.run(fleet, lock_timeout_s=0.2)
        other.execute("ROLLBACK")
    told = {name: str(r["error"]) for name, r in done.items() if not r["success"]}
    assert set(told) == {"text", "dir", "mem", "busy"}
    assert "is not an SQLite database" in told["text"]
    assert "it is a folder" in told["dir"]
    assert "in memory and gone when the run ends" in told["mem"]
    assert "keeps" in told["busy"]
    assert "locked" in told["busy"]
    assert folder.file("text").read_bytes() == text
    assert folder.run([tenant("busy")])["busy"]["success"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_told(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    (a,) = folder.make("a")
    folder.file("a").chmod(0o444)
    assert "readonly" in str(folder.run([a])["a"]["error"])


def test_two_tenants_of_one_file_are_refused_however_it_is_spelt(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    folder.make("a")
    (folder.root / "sub").mkdir()
    fleet = [
        tenant("one", database_url=DatabaseUrl(f"sqlite:///{folder.root}/a.db")),
        tenant("two", database_url=DatabaseUrl(f"sqlite:///{folder.root}/sub/../a.db")),
    ]
    done = folder.run(fleet)
    assert all("all claim the" in str(r["error"]) for r in done.values()), done


def test_names_with_odd_characters_are_files_too(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    config = TenancyConfig(
        database_url=DatabaseUrl(f"sqlite:///{folder.root}/my app/common.db"),
        isolation_strategy=IsolationStrategy.DATABASE,
        schema_prefix="t#1 ä%41_",
    )
    provider = DatabaseIsolationProvider(config)
    url = provider.url_of(tenant("acme"))
    assert url is not None
    done = folder.run([tenant("acme", database_url=url)], create=True)
    assert done["acme"]["success"], done
    assert (folder.root / "my app" / "t#1 ä%41_acme.db").is_file()


def test_sqlite_needs_a_file_for_each_tenant(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    for strategy, what in (
        (IsolationStrategy.SCHEMA, "a schema per tenant needs PostgreSQL"),
        (IsolationStrategy.RLS, "row-level security needs PostgreSQL"),
    ):
        config = folder.config.model_copy(update={"isolation_strategy": strategy})
        folder_of = type("Other", (Folder,), {"config": config})
        with pytest.raises(ConfigurationError, match=what):
            folder_of(folder.root, folder.project).run([tenant("a")])


def test_two_runs_at_once_apply_a_revision_once(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    fleet = folder.make(*(f"t{n}" for n in range(12)))
    folder.run(fleet)
    more = "import time; time.sleep(0.02)\nop.execute(\"INSERT INTO items (name) VALUES ('more')\")"
    folder.project.revision("r2", "r1", more)
    folder.project.revision("r3", "r2", 'op.execute("PRAGMA foreign_keys = OFF")\n' + more)
    results: list[dict[str, Any]] = []
    runs = [
        threading.Thread(target=lambda: results.append(folder.run(fleet)), name=f"run{n}")
        for n in range(3)
    ]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert len(results) == 3
    assert all(r["success"] for done in results for r in done.values()), results
    for one in fleet:
        assert folder.rows(one.identifier, "SELECT count(*) FROM items") == [(5,)]
        ends = sorted(done[one.identifier]["outcome"] for done in results)
        assert ends == ["already there", "already there", "migrated"]
    assert not folder.left()


@pytest.mark.parametrize("wal", [False, True], ids=["journal", "wal"])
def test_nobody_writes_while_a_copy_is_worked_on(folder: Folder, wal: bool) -> None:
    folder.make("a", wal=wal)
    file = folder.file("a")

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(file, isolation_level=None, timeout=0.1)

    with closing(opened()) as application:
        application.execute("CREATE TABLE t (x)")
        with file_copy.worked_copy(file, opened, lambda _raw: None) as copy:
            with closing(sqlite3.connect(copy)) as made:
                made.execute("CREATE TABLE new (y)")
            assert application.execute("SELECT count(*) FROM t").fetchone() == (0,)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                application.execute("INSERT INTO t VALUES (1)")
        application.execute("INSERT INTO t VALUES (1)")
        assert application.execute("SELECT count(*) FROM new").fetchone() == (0,)
    assert folder.rows("a", "SELECT count(*) FROM t") == [(1,)]
    assert not folder.left()


def test_a_write_between_the_work_and_its_end_is_not_lost(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.project.revision("r1", None, ITEMS)
    (a,) = folder.make("a", wal=True)
    folder.run([a])
    folder.project.revision("r2", "r1", 'op.execute("PRAGMA foreign_keys = OFF")\n' + READS)
    put_back, written = file_copy._put_back, []

    def late(*arguments: Any) -> None:
        if not written:
            with closing(sqlite3.connect(folder.file("a"))) as application, application:
                application.execute("INSERT INTO items (name) VALUES ('late')")
            written.append(True)
        put_back(*arguments)

    monkeypatch.setattr(file_copy, "_put_back", late)
    assert folder.run([a])["a"]["success"]
    assert folder.rows("a", "SELECT name, note FROM items") == [
        (name, name * 2) for name in ("one", "two", "three", "late")
    ]


def test_a_second_interrupt_rolls_back_what_is_running(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    fleet = folder.make("a", "b", "c", "d", "e")
    folder.run(fleet)
    endless = """
op.execute("UPDATE items SET note = 'gone'")
op.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
"""
    folder.project.revision("r2", "r1", endless)
    stop = Stop()
    timers = [threading.Timer(after, stop.request) for after in (0.7, 1.2)]
    for timer in timers:
        timer.start()
    done = folder.run(fleet, stop=stop, concurrency=2)
    outcomes = sorted(str(r["outcome"]) for r in done.values())
    assert outcomes == ["failed", "failed", "skipped", "skipped", "skipped"], done
    assert "interrupted a second time" in next(
        str(r["error"]) for r in done.values() if r["outcome"] == "failed"
    )
    assert folder.rows("a", "SELECT count(*) FROM items WHERE note = 'gone'") == [(0,)]


def test_a_killed_run_is_taken_up_again(folder: Folder, tmp_path: Path) -> None:
    folder.project.revision("r1", None, ITEMS)
    names = [f"t{n}" for n in range(8)]
    fleet = folder.make(*names)
    folder.run(fleet)
    slow = """
import time
op.execute("UPDATE items SET note = note || 'x'")
{leave}
op.execute("UPDATE items SET name = name || 'y'")
time.sleep(0.1)
op.execute("UPDATE items SET note = note || 'z'")
"""
    folder.project.revision("r2", "r1", slow.format(leave="time.sleep(0.05)"))
    leave = "with op.get_context().autocommit_block():\n    op.execute('VACUUM')\ntime.sleep(0.05)"
    folder.project.revision("r3", "r2", slow.format(leave=leave))
    script = tmp_path / "run.py"
    script.write_text(
        "import json, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from files import Folder, tenant\n"
        "class P: ini = Path(sys.argv[2])\n"
        "folder = Folder(Path(sys.argv[1]), P)\n"
        "folder.run([tenant(n) for n in json.loads(sys.argv[3])])\n"
    )
    asked = [str(folder.root), str(folder.project.ini), json.dumps(names)]
    for pause in (0.9, 1.2, 1.5, 1.8):
        process = subprocess.Popen([sys.executable, str(script), *asked])
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, position in folder.positions(fleet).items():
            (revision,) = position.heads
            times = int(revision[1]) - 1
            rows = folder.rows(name, "SELECT name, note FROM items WHERE id = 1")
            assert rows == [("one" + "y" * times, "n1" + "xz" * times)]
    done = folder.run(fleet)
    assert all(r["success"] for r in done.values()), done
    assert all(p.heads == ("r3",) for p in folder.positions(fleet).values())
    assert not folder.left()


def test_progress_is_told_for_each_file(folder: Folder) -> None:
    folder.project.revision("r1", None, ITEMS)
    fleet = folder.make("a", "b", "c")
    events: list[Event] = []
    folder.run(fleet, listener=events.append)
    ended = [e.outcome.target.tenant.identifier for e in events if isinstance(e, TargetFinished)]
    assert sorted(ended) == ["a", "b", "c"]
