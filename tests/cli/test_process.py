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


def test_an_error_nobody_foresaw_is_one_line(desk: Desk):
    code = (
        "import sys\nfrom fastapi_tenancy.cli import app\n"
        "from fastapi_tenancy.cli import project\n"
        "def broken(where):\n    raise KeyError('postgresql://u:hush@h/d')\n"
        "project.open_fleet = broken\nsys.exit(app.run(sys.argv[1:]))"
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
