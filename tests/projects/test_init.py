"""`tenancy init` where there is no project: what it makes runs, and nothing is overwritten."""

from __future__ import annotations

import shlex
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from alembic_process import Typed, alembic
from cli_process import Done, Shell
from snapshot import query

FILES = [
    "alembic.ini",
    "alembic/env.py",
    "alembic/script.py.mako",
    "alembic/versions/0001_customers.py",
    "models.py",
    "tenancy.toml",
]


class Newcomer:
    """Somebody in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shell = Shell(folder)
        folder.mkdir()

    def tenancy(self, typed: str, code: int = 0) -> Done:
        done = self.shell.run(*shlex.split(typed))
        assert done.code == code, (typed, done)
        return done

    def alembic(self, typed: str, code: int = 0) -> Typed:
        ended = alembic(self.folder, *shlex.split(typed), **self.shell.environment)
        assert bool(ended.code) == bool(code), (typed, ended)
        return ended

    def there(self) -> list[str]:
        paths = (p for p in self.folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        return sorted(str(p.relative_to(self.folder)) for p in paths)


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path / "project")


@pytest.mark.parametrize(
    ("isolation", "tables"),
    [
        (None, {"tenant_acme", "tenant_bolt"}),
        ("schema", {"tenant_acme", "tenant_bolt"}),
        ("hybrid", {"tenant_acme", "tenant_bolt"}),
        ("rls", {"public"}),
    ],
)
def test_a_project_on_postgresql_runs(
    newcomer: Newcomer, tenancy_database: str, isolation: str | None, tables: set[str]
):
    newcomer.shell.environment["TENANCY_DATABASE_URL"] = tenancy_database
    newcomer.tenancy("init" + (f" --isolation {isolation}" if isolation else ""))
    assert newcomer.there() == FILES
    assert tenancy_database not in (newcomer.folder / "tenancy.toml").read_text()
    for name in ("acme", "bolt"):
        newcomer.tenancy(f"tenants add {name}")
    assert "2 migrated" in newcomer.tenancy("upgrade --create").out
    where = "SELECT schemaname FROM pg_tables WHERE tablename = 'customers'"
    assert {s for (s,) in query(tenancy_database, where)} == tables
    assert "0001 (head)" in newcomer.alembic("-x tenant=acme current").out
    assert "No new upgrade operations detected" in newcomer.alembic("check").out
    newcomer.alembic("-x tenant=bolt downgrade base")
    newcomer.alembic("-x tenant=bolt upgrade head")
    assert "2 already there" in newcomer.tenancy("upgrade").out


def test_a_project_runs_with_nothing_else_installed(newcomer: Newcomer):
    newcomer.tenancy("init")
    assert newcomer.there() == sorted([*FILES, "data/.gitignore"])
    newcomer.tenancy("tenants add acme")
    newcomer.tenancy("tenants add bolt")
    assert "2 migrated" in newcomer.tenancy("upgrade --create").out
    assert "0001 (head)" in newcomer.alembic("-x tenant=acme current").out
    assert "No new upgrade operations detected" in newcomer.alembic("check").out
    models = newcomer.folder / "models.py"
    models.write_text(models.read_text() + "    city: Mapped[str | None]\n")
    newcomer.tenancy("revision --autogenerate -m city --rev-id 0002")
    newcomer.alembic("-x tenant=acme upgrade head")
    assert "1 migrated, 1 already there" in newcomer.tenancy("upgrade").out
    assert "No new upgrade operations detected" in newcomer.alembic("-x tenant=bolt check").out
    newcomer.alembic("-x tenant=bolt downgrade base")
    newcomer.tenancy("downgrade base --tenant acme")
    acme, bolt = (_tables(newcomer.folder / "data" / f"tenant_{x}.db") for x in ("acme", "bolt"))
    assert acme == bolt


def _tables(file: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_url_that_is_given_is_in_the_settings(newcomer: Newcomer, tenancy_database: str):
    newcomer.tenancy(f"init --database-url '{tenancy_database}'")
    newcomer.tenancy("tenants add acme")
    newcomer.tenancy("upgrade --create")
    models = newcomer.folder / "models.py"
    models.write_text(models.read_text() + "    city: Mapped[str | None]\n")
    newcomer.tenancy("revision --autogenerate -m city --rev-id 0002")
    newcomer.tenancy("upgrade")
    assert "No new upgrade operations detected" in newcomer.alembic("check").out


def test_without_a_url_postgresql_is_asked_for(newcomer: Newcomer):
    done = newcomer.tenancy("init --isolation schema")
    assert "set database_url in tenancy.toml" in done.out
    assert done.out.index("set database_url") < done.out.index("tenancy tenants add")
    newcomer.tenancy("heads")
    newcomer.tenancy("upgrade", code=2)


def test_another_folder_is_made(newcomer: Newcomer):
    done = newcomer.tenancy("init 'my shop/back end'")
    assert "next: cd 'my shop/back end'" in done.out
    assert (newcomer.folder / "my shop" / "back end" / "alembic.ini").is_file()


def test_sqlite_keeps_tenants_apart_by_files_only(newcomer: Newcomer):
    done = newcomer.tenancy("init --isolation schema --database-url sqlite:///x.db", code=2)
    assert "needs PostgreSQL" in done.err
    assert newcomer.there() == []


@pytest.mark.parametrize("name", ["alembic/env.py", "alembic/script.py.mako", "data/.gitignore"])
def test_nothing_is_overwritten(newcomer: Newcomer, name: str):
    path = newcomer.folder / name
    path.parent.mkdir()
    path.write_text("mine")
    done = newcomer.tenancy("init", code=2)
    assert f"{name} is there already, and init overwrites nothing" in done.err
    assert newcomer.there() == [name]
    assert path.read_text() == "mine"


def test_models_and_settings_of_ones_own_stay(newcomer: Newcomer, tenancy_database: str):
    (newcomer.folder / "models.py").write_text("mine = True\n")
    settings = f'[tool.tenancy]\ndatabase_url = "{tenancy_database}"\n'
    (newcomer.folder / "pyproject.toml").write_text(settings)
    done = newcomer.tenancy("init")
    assert "models.py is yours" in done.out
    assert "tenancy.toml" not in newcomer.there()
    assert (newcomer.folder / "models.py").read_text() == "mine = True\n"
    newcomer.tenancy("tenants add acme")
    newcomer.tenancy("revision -m first")
    newcomer.tenancy("upgrade --create")


def test_what_fails_half_way_leaves_nothing(newcomer: Newcomer):
    (newcomer.folder / "data").write_text("a file where a folder has to be")
    done = newcomer.tenancy("init new/shop", code=0)
    assert done.code == 0
    (newcomer.folder / "second").mkdir()
    (newcomer.folder / "second" / "data").write_text("a file where a folder has to be")
    done = newcomer.tenancy("init second", code=2)
    assert "cannot be written" in done.err
    assert "Traceback" not in done.err
    assert [p.name for p in (newcomer.folder / "second").iterdir()] == ["data"]


def test_a_killed_one_leaves_whole_files_and_the_next_goes_on(newcomer: Newcomer):
    whole = Newcomer(newcomer.folder.parent / "whole")
    whole.tenancy("init")
    expected = {name: (whole.folder / name).read_text() for name in whole.there()}
    for delay in range(12):
        folder = newcomer.folder / str(delay)
        running = newcomer.shell.start("init", str(delay))
        while not folder.exists() and running.process.is_alive():
            pass
        for _ in range(delay * 3000):
            pass
        with suppress(ProcessLookupError):  # it was quicker
            running.signal(signal.SIGKILL)
        running.wait()
        for path in (p for p in folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(folder))
            if not name.startswith(".tenancy-init-"):
                assert path.read_text() == expected[name]
        newcomer.tenancy(f"init {delay}")
        for name, text in expected.items():
            assert (folder / name).read_text() == text
