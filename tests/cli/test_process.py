"""The command as a program among programs: started fast, read by others, given settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from cli_desk import Desk

HEAVY = ("sqlalchemy", "alembic", "psycopg", "fastapi")
SAY = 'op.execute("COMMENT ON TABLE notes IS \'" + context.get_x_argument(as_dictionary=True)["say"] + "\'")'


def tenancy(desk: Desk, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell with the installed command."""
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # noqa: PTH120
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=desk.folder,
        env={**os.environ, "PATH": path, "TENANCY_DATABASE_URL": desk.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["upgrade", "--help"], ["--version"]])
def test_help_does_not_wait_for_what_it_does_not_need(arguments: list[str]):
    code = (
        "import sys\nfrom fastapi_tenancy.cli.app import run\n"
        f"status = run({arguments!r})\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert done.stderr.strip() == "[]"


def test_a_reader_may_go_away(desk: Desk):
    desk.add("acme")
    desk.sql(
        "INSERT INTO tenants (id, identifier)"
        " SELECT n, 'a tenant with quite a long name ' || n FROM generate_series(1, 3000) AS n"
    )
    for command in ("tenancy tenants list", "tenancy tenants list --json"):
        done = tenancy(desk, f"{command} | head -n 2")
        assert len(done.stdout.splitlines()) == 2
        assert done.stderr == ""


def test_a_reader_that_goes_away_is_no_failed_tenant(desk: Desk):
    desk.add("acme")
    # The reader is gone for sure before the first word.
    for command in (
        "tenancy status",
        "tenancy status --json",
        "tenancy upgrade 0001",
        "tenancy -h",
    ):
        done = tenancy(desk, f"exec 3> >(exec true); sleep 0.3; {command} >&3")
        assert (done.returncode, done.stderr) == (141, ""), command
    assert desk.stands() == {"acme": "0001"}


@pytest.mark.parametrize("more", ["", "--json"])
def test_a_full_disk_is_told_in_a_line(desk: Desk, more: str):
    desk.add("acme", "bolt")
    desk.sql("CREATE TABLE tenant_bolt.notes ()")
    done = tenancy(desk, f"tenancy upgrade 0001 {more} >/dev/full")
    told = "the output could not be written to stdout (No space left on device)"
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {told}; the run: 1 migrated, 1 failed\n",
    )
    for command in ("status", "history", "upgrade --dry-run", "upgrade 0001 --sql --exclude acme"):
        done = tenancy(desk, f"tenancy {command} {more} >/dev/full")
        assert (done.returncode, done.stderr) == (1, f"error: {told}\n"), command
    done = tenancy(desk, f"tenancy upgrade nonsense {more} >/dev/full")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert tenancy(desk, f"tenancy status {more} 2>/dev/full").returncode == 0
    for asked in ("--help", "--version"):
        assert tenancy(desk, f"tenancy {asked} >/dev/full").stderr == f"error: {told}\n"


def test_a_revision_may_close_what_it_is_not_its_own(desk: Desk):
    desk.add("acme", "bolt")
    for name in ("stdout", "stderr"):
        desk.revision("0001", None, "rude", f"__import__('sys').{name}.close()")
        done = tenancy(desk, "tenancy upgrade 0001 --json")
        assert (done.returncode, json.loads(done.stdout)["failed"]) == (0, 0), done
        assert "Traceback" not in done.stderr
        done = tenancy(desk, "tenancy downgrade base --yes")
        assert (done.returncode, done.stderr) == (0, "")
        assert "2 migrated" in done.stdout


def test_the_package_is_the_command(desk: Desk):
    done = tenancy(
        desk, "python -m fastapi_tenancy heads --json; python -m fastapi_tenancy; echo $?"
    )
    assert '"revision": "0003"' in done.stdout
    assert done.stdout.splitlines()[-1] == "2"
    assert "Usage: tenancy " in done.stdout


def test_output_may_be_closed(desk: Desk):
    desk.add("acme")
    for revision in ("0001", "0002"):
        closed = ">&-" if revision == "0001" else "<&- >&- 2>&-"
        done = tenancy(desk, f"tenancy upgrade {revision} {closed}")
        assert (done.returncode, done.stderr) == (0, "")
        assert desk.stands() == {"acme": revision}


def test_output_is_text_of_every_alphabet(desk: Desk):
    desk.add("acme")
    desk.sql("INSERT INTO tenants (id, identifier) VALUES ('k', 'København-東京')")
    done = tenancy(desk, "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 tenancy tenants list --json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["tenants"]
    assert [t["identifier"] for t in found] == ["acme", "København-東京"]
    plain = tenancy(desk, "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 tenancy upgrade --limit 2")
    assert "Traceback" not in plain.stderr
    assert plain.returncode == 1


def test_x_arguments_reach_revisions(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", "crux", at="0001")
    desk.revision("0002", "0001", "say", SAY)
    assert desk.run("upgrade", "0002", "-x", "say=hello", "-x", "other=1").code == 0
    found = desk.sql(
        "SELECT obj_description(c.oid) FROM pg_class AS c WHERE relname = 'notes' ORDER BY 1"
    )
    assert found == [("hello",)] * 3


def test_timeouts_reach_the_server(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0001")
    desk.revision("0002", "0001", "sleep", 'op.execute("SELECT pg_sleep(60)")')
    for seconds in ("0.05", "0.0001"):
        done = desk.run("upgrade", "0002", "--statement-timeout", seconds)
        assert done.code == 1
        assert "--statement-timeout" in done.out
        assert desk.stands() == {"acme": "0001"}


def test_a_working_directory_that_is_gone(desk: Desk):
    for command in ("tenancy status", "tenancy history"):
        done = tenancy(desk, f"mkdir gone && cd gone && rmdir ../gone && {command}")
        assert done.returncode == 2, done
        assert done.stderr.startswith("error: the working directory cannot be read")
        assert len(done.stderr.splitlines()) == 1


def test_a_list_of_tenants_in_memory_is_refused(desk: Desk):
    for url in ("sqlite://", "sqlite:///:memory:"):
        done = tenancy(desk, f"TENANCY_CATALOGUE_URL={url} tenancy tenants add acme")
        assert done.returncode == 2
        assert f"error: catalogue_url is '{url}', a database in memory" in done.stderr
        assert "sqlite:///tenancy.db" in done.stderr
        assert tenancy(desk, f"TENANCY_CATALOGUE_URL={url} tenancy upgrade").returncode == 2


def test_an_error_nobody_foresaw_is_one_line(desk: Desk):
    code = (
        "import sys\nfrom fastapi_tenancy.cli import app\n"
        "from fastapi_tenancy.cli import project\n"
        "def broken(where):\n    raise KeyError('postgresql://u:hush@h/d')\n"
        "project.open_tracks = broken\nsys.exit(app.run(sys.argv[1:]))"
    )
    for more in ([], ["--json"], ["--traceback"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "status", *more],
            cwd=desk.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "hush" not in done.stdout + done.stderr
        assert "KeyError: 'postgresql://u:***@h/d'" in done.stderr
        assert "run again with --traceback" in done.stderr
        assert ("Traceback (most recent call last)" in done.stderr) == (more == ["--traceback"])
        if more == ["--json"]:
            assert list(json.loads(done.stdout)) == ["error"]
