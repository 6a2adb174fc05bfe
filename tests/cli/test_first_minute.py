"""What somebody meets who has configured nothing yet, or changes their mind at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli_process import Shell
from test_bad_input import refused

ROOT = Path(__file__).parents[2]
MADE = "the list of tenants was made in ./tenancy.db, because no database is named"


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    """A folder with nothing in it, and nothing set."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return Shell(folder)


@pytest.mark.parametrize(
    "command", [("add", "acme"), ("prepare",), ("import", "tenants.csv")], ids=lambda c: c[0]
)
def test_where_the_list_was_made_is_told_once(empty: Shell, command: tuple[str, ...]):
    (empty.folder / "tenants.csv").write_text("identifier\nbolt\n")
    done = empty.run("tenants", *command)
    assert (done.code, done.err.count("\n")) == (0, 1), done
    assert done.err.startswith(MADE)
    assert "TENANCY_DATABASE_URL" in done.err
    assert (empty.folder / "tenancy.db").exists()
    assert empty.run("tenants", "prepare").err == ""


def test_a_list_that_was_asked_for_is_nothing_to_tell(empty: Shell):
    for way in ("database_url", "catalogue_url"):
        (empty.folder / "tenancy.toml").write_text(f'{way} = "sqlite:///tenancy.db"\n')
        done = empty.run("tenants", "prepare")
        assert (done.code, done.err) == (0, ""), way
        (empty.folder / "tenancy.db").unlink()


def test_an_empty_url_is_not_taken_for_none(empty: Shell):
    empty.environment["TENANCY_DATABASE_URL"] = ""
    refused(empty.run("tenants", "add", "acme"), "TENANCY_DATABASE_URL is set, but empty", "unset")
    assert list(empty.folder.iterdir()) == []
    named = ("--database-url", "sqlite:///named.db")
    assert empty.run("tenants", "add", "acme", *named).code == 0


def test_a_folder_that_is_not_there_is_named(empty: Shell):
    done = empty.run("tenants", "add", "acme", "--database-url", "sqlite:///data/tenancy.db")
    refused(done, "there is no folder 'data'. Make it, or name another file")
    assert "host and port" not in done.err
    (empty.folder / "data").mkdir()
    done = empty.run("tenants", "add", "acme", "--database-url", "sqlite:///data")
    refused(done, "'data' is a folder. Name a file in it, such as 'data/tenancy.db'")


def test_a_deleted_tenant_comes_back_the_way_that_is_told(empty: Shell):
    assert empty.run("init").code == 0
    assert empty.run("tenants", "create", "acme", "--id", "1").code == 0
    assert empty.run("tenants", "remove", "acme", "--yes").code == 0
    remove, add = "tenancy tenants remove acme --hard", "tenancy tenants add acme --id 1"
    for command in ("create", "add"):
        refused(empty.run("tenants", command, "acme"), f"`{remove}`", f"`{add}`")
    assert empty.run(*remove.split()[1:], "--yes").code == 0
    assert empty.run(*add.split()[1:]).code == 0
    assert empty.run("status", "--check").code == 0


def test_ctrl_c_while_the_command_is_still_being_read(tmp_path: Path):
    reading, writing = os.pipe()
    # So small that the command cannot be far beyond what was read here.
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "fastapi_tenancy", "status"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=writing,
    )
    os.close(writing)
    with os.fdopen(reading, "rb", 0) as told:  # no further than a line
        for line in told:
            if b"typer" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = told.read().decode()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, "Traceback" in rest) == (b"", False), rest


def test_the_installed_command_begins_there_too():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"tenancy": "fastapi_tenancy.__main__:main"}
