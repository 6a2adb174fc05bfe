"""The demo shows what it promises, and leaves nothing behind whichever way it ends."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from fastapi_tenancy.cli.demo import run_demo
from fastapi_tenancy.cli.demo.cast import make_cast
from fastapi_tenancy.errors import ConfigurationError

pytestmark = pytest.mark.slow


def test_shows_the_whole_story_and_leaves_nothing_behind(playhouse, until):
    done = playhouse.run(playhouse.command("--tenants", "12"))
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.replace("│", " ").split())
    for part in (
        "Where the tenants stand tenancy status",
        "(no schema yet) 1",
        "0007_customer_names live",
        "0006_workspace_key per-tenant",
        "11 tenants migrated in",
        f"failed: {make_cast(12).broken.tenant.identifier}",
        "Key (number)=(2025-",
        "0014_audit_log (head) 11",
        "UPDATE invoices SET number",
        "1 tenant migrated, 11 were there already",
        "12 tenants checked in",
        "Plain Alembic took",
        "gold tenants 4 4 identical",
        "all others 8 8 identical",
        "everything the demo made was removed",
    ):
        assert part in said, (part, done.stdout)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    until(lambda: playhouse.left_behind() == [])


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("A fleet to migrate", signal.SIGTERM),
        ("Upgrade  tenancy upgrade --create", signal.SIGINT),
        ("Plain Alembic, for comparison", signal.SIGINT),
    ],
)
def test_leaves_nothing_behind_when_interrupted(playhouse, until, moment, number):
    process = subprocess.Popen(
        playhouse.command("--tenants", "12"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=playhouse.temporary,
        env=playhouse.environment(PYTHONUNBUFFERED="1"),
    )
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if moment in line:
            process.send_signal(number)
            break
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said + rest
    assert "Interrupted. Everything the demo made was removed." in rest
    assert "Traceback" not in rest
    until(lambda: playhouse.left_behind() == [])


def test_leaves_nothing_behind_when_killed(playhouse, until):
    process = subprocess.Popen(
        playhouse.command("--tenants", "12"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=playhouse.temporary,
        env=playhouse.environment(PYTHONUNBUFFERED="1"),
    )
    assert process.stdout
    assert any("In place, by the engine" in line for line in process.stdout)
    assert playhouse.left_behind()
    process.kill()
    process.communicate()
    until(lambda: playhouse.left_behind() == [])


def test_a_kept_demo_can_be_used_and_removed(playhouse, until):
    done = playhouse.run(playhouse.command("--tenants", "8", "--keep"))
    assert done.returncode == 0, done.stdout + done.stderr
    told = [shlex.split(x) for x in done.stdout.splitlines() if x.startswith("  ") and x.strip()]
    (folder,) = (Path(words[1]) for words in told if words[:1] == ["cd"])
    (url,) = (
        words[1].partition("=")[2]
        for words in told
        if words[1:2] and "TENANCY_DATABASE_URL=" in words[1]
    )
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM tenants").fetchone()
        assert found == (8,)
        found = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tenant\\_%'"
        ).fetchone()
        assert found == (8,)
    (alembic,) = (words[1:] for words in told if words[0] == "alembic")
    by_alembic = playhouse.run(
        [*playhouse.command()[:1], "-m", "alembic", *alembic], folder, TENANCY_DATABASE_URL=url
    )
    assert by_alembic.stdout.strip() == "0014_audit_log (head)", by_alembic.stderr
    (cleaner,) = (words for words in told if words[-1].endswith("remove.py"))
    removed = playhouse.run(cleaner)
    assert removed.returncode == 0, removed.stderr
    until(lambda: playhouse.left_behind() == [])


def test_a_given_server_gets_its_database_back(playhouse, until, tenancy_postgres):
    played = playhouse.run(
        playhouse.command("--tenants", "8", "--keep"), TENANCY_TEST_DATABASE_URL=tenancy_postgres
    )
    assert played.returncode == 0, played.stdout + played.stderr
    url = re.search(r"TENANCY_DATABASE_URL='?([^'\s]+)", played.stdout)
    assert url
    psycopg.connect(url[1]).close()
    cleaner = next(x for x in played.stdout.splitlines() if x.endswith("remove.py"))
    assert playhouse.run(shlex.split(cleaner)).returncode == 0
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url[1])
    until(lambda: playhouse.left_behind() == [])


def test_too_few_tenants_are_refused():
    with pytest.raises(ConfigurationError, match="at least 8"):
        run_demo(Console(quiet=True), tenants=7)
