"""What --sql prints for tenants with databases or files of their own does what the engine does."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from cli_desk import Desk
from fastapi_tenancy.model.url import database_of, with_database
from fastapi_tenancy.testing.binaries import find
from fastapi_tenancy.testing.databases import drop_database

VACUUM = """
with op.get_context().autocommit_block():
    op.execute("VACUUM")
op.execute("INSERT INTO notes (text) VALUES ('a ''quoted''; -- one')")
"""


@pytest.fixture
def files(desk: Desk) -> Desk:
    """Tenants in files: one at a revision, one at none, one whose file is missing."""
    desk.shell.environment["TENANCY_DATABASE_URL"] = "sqlite:///common.db"
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "database"
    desk.shell.environment["TENANCY_DATABASE_URL_TEMPLATE"] = "sqlite:///it's {identifier}.db"
    (desk.folder / "migrations" / "versions" / "0003.py").unlink()
    for name in ("ant", "bee", "cow"):
        assert desk.run("tenants", "add", name).code == 0
    assert desk.run("upgrade", "0001", "--create", "--tenant", "ant").code == 0
    with closing(sqlite3.connect(desk.folder / "it's bee.db")) as connection:
        connection.execute("VACUUM")
    desk.revision("0003", "0002", "outside of a transaction", VACUUM)
    return desk


def dumps(folder: Path) -> dict[str, list[str]]:
    """What each tenant's file holds."""
    found = {}
    for file in sorted(folder.glob("it's *.db")):
        with closing(sqlite3.connect(file)) as connection:
            found[file.name] = list(connection.iterdump())
    return found


def by_hand(folder: Path, script: str) -> None:
    """As somebody without SQLite's shell would: the lines with a dot are said to the shell."""
    connection = sqlite3.connect(":memory:")
    waiting = ""
    try:
        for line in script.splitlines(keepends=True):
            if not waiting and line.startswith(".open "):
                connection.close()
                name = line.removeprefix('.open "').rstrip().removesuffix('"')
                connection = sqlite3.connect(folder / name, isolation_level=None)
            elif waiting or not line.startswith((".", "--")):
                waiting += line
                if sqlite3.complete_statement(waiting):
                    connection.execute(waiting)
                    waiting = ""
    finally:
        connection.close()
    assert not waiting


def by_shell(folder: Path, script: str) -> None:
    """As a person would."""
    if shutil.which("sqlite3") is None:
        pytest.skip("SQLite's shell is not installed")
    subprocess.run(["sqlite3"], input=script, text=True, check=True, cwd=folder)


@pytest.mark.parametrize("hand", [by_hand, by_shell])
def test_the_script_for_files_ends_where_the_engine_ends(
    files: Desk, hand: Callable[[Path, str], None], tmp_path: Path
) -> None:
    script = files.run("upgrade", "--create", "--sql")
    assert script.code == 0, script
    copy = tmp_path / "copy"
    shutil.copytree(files.folder, copy)
    hand(copy, script.out.replace(str(files.folder), str(copy)))
    assert files.run("upgrade", "--create").code == 0
    assert dumps(copy) == dumps(files.folder)
    assert len(dumps(copy)) == 3
    back = files.run("downgrade", "0001", "--sql")
    hand(copy, back.out.replace(str(files.folder), str(copy)))
    assert files.run("downgrade", "0001", "--yes").code == 0
    assert dumps(copy) == dumps(files.folder)


def test_the_script_stops_at_a_file_that_moved_meanwhile(files: Desk) -> None:
    script = files.run("upgrade", "0002", "--sql", "--tenant", "ant").out
    assert files.run("upgrade", "0002", "--tenant", "ant").code == 0
    before = dumps(files.folder)
    with pytest.raises(sqlite3.IntegrityError, match="it_moved_meanwhile"):
        by_hand(files.folder, script)
    assert dumps(files.folder) == before


@pytest.fixture
def databases(desk: Desk) -> Iterator[Desk]:
    """Tenants with a database each, one of which is missing."""
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "database"
    prefix = database_of(desk.url)
    template = with_database(desk.url, f"{prefix}_NAME").replace("NAME", "{identifier}")
    desk.shell.environment["TENANCY_DATABASE_URL_TEMPLATE"] = template
    (desk.folder / "migrations" / "versions" / "0003.py").unlink()
    for name in ("ant", "bee"):
        assert desk.run("tenants", "add", name).code == 0
    assert desk.run("upgrade", "0001", "--create", "--tenant", "ant").code == 0
    yield desk
    for name in ("ant", "bee"):
        drop_database(with_database(desk.url, f"{prefix}_{name}"))


def test_the_script_for_databases_goes_to_each(databases: Desk) -> None:
    program = find().directory / "psql"
    if not program.exists():
        pytest.skip("these PostgreSQL programs come without psql")
    script = databases.run("upgrade", "--create", "--sql")
    assert script.code == 0, script
    assert script.out.count("\\connect -reuse-previous=on ") == 3
    assert "password" not in script.out
    subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", databases.url],
        input=script.out,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    done = databases.run("upgrade")
    assert (done.code, "2 already there" in done.err + done.out) == (0, True), done
    with psycopg.connect(databases.url) as connection:
        assert connection.execute("SELECT to_regclass('notes')").fetchone() == (None,)


def test_no_one_script_for_files_and_servers(databases: Desk) -> None:
    url = f"sqlite:///{databases.folder}/own.db"
    assert databases.run("tenants", "add", "own", "--tenant-database-url", url).code == 0
    done = databases.run("upgrade", "--create", "--sql")
    assert done.code == 2
    assert "no shell reads both" in done.err
    assert done.out == ""
