"""Servers that do not answer, do not let in, or have no room: told without a password, before any change."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cli_desk import Desk
from fastapi_tenancy.testing.databases import create_database, drop_database
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres

PASSWORD = "s3cr3t-p@ss/word?"
SPELLED = "s3cr3t-p%40ss%2Fword%3F"
ALLOWED = 24


@pytest.fixture(scope="session")
def strict() -> Iterator[str]:
    """A small server that asks the role `keeper` for its password, and `guest` for room."""
    with EmbeddedPostgres(max_connections=ALLOWED, settings=FAST_SETTINGS) as server:
        url = server.url()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            connection.execute("CREATE ROLE guest LOGIN CREATEDB CONNECTION LIMIT 3")
            row = connection.execute("SHOW hba_file").fetchone()
            assert row
            rules = Path(row[0])
            rules.write_text("local all keeper scram-sha-256\n" + rules.read_text())
            connection.execute("SELECT pg_reload_conf()")
            _wait_for_rules(url)
        yield url


def _wait_for_rules(url: str) -> None:
    for _ in range(200):
        try:
            psycopg.connect(as_role(url, "keeper:wrong")).close()
        except psycopg.OperationalError:
            return
    raise AssertionError("the server does not ask for a password")


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@", 1)


@pytest.fixture
def guarded(tmp_path: Path, strict: str) -> Iterator[Desk]:
    """A desk with two tenants on that server, its list elsewhere: the engine itself connects."""
    url = create_database(strict)
    desk = Desk.furnished(tmp_path / "project", url)
    desk.sql("CREATE SCHEMA tenant_ant; CREATE SCHEMA tenant_bee")
    (desk.folder / "list.db").touch()
    desk.shell.environment |= {
        "TENANCY_CATALOGUE_URL": "sqlite:///list.db",
        "TENANCY_TENANTS_QUERY": "SELECT 'ant' AS identifier UNION SELECT 'bee' ORDER BY 1",
    }
    yield desk
    drop_database(url)


def refused(desk: Desk, *arguments: str, url: str) -> str:
    """What is said to a command that must be refused, with and without --json and --traceback."""
    desk.shell.environment["TENANCY_DATABASE_URL"] = url
    done = desk.run(*arguments, "--json")
    asked = desk.run(*arguments, "--traceback")
    for one in (done, asked):
        assert one.code == 2, one
        for spelled in (PASSWORD, SPELLED, "p@ss", "p%40ss"):
            assert spelled not in one.out + one.err
    assert "Traceback" in asked.err
    assert "Traceback" not in done.out + done.err
    (error,) = json.loads(done.out).values()
    return str(error)


def test_the_right_password_is_let_in(guarded: Desk):
    url = as_role(guarded.url, f"keeper:{SPELLED}")
    guarded.shell.environment["TENANCY_DATABASE_URL"] = url
    done = guarded.run("upgrade")
    assert done.code == 0, done
    assert SPELLED not in done.out + done.err
    assert guarded.stands() == {"ant": "0003", "bee": "0003"}


@pytest.mark.parametrize("where", ["engine", "list"])
def test_a_wrong_password(guarded: Desk, where: str):
    if where == "list":
        del guarded.shell.environment["TENANCY_CATALOGUE_URL"]
    url = as_role(guarded.url, f"keeper:not-{SPELLED}")
    error = refused(guarded, "upgrade", url=url)
    assert "keeper" in error
    assert "password authentication failed" in error
    assert "heck the user and the password" in error
    assert guarded.stands() == {}


@pytest.mark.parametrize("where", ["engine", "list"])
@pytest.mark.parametrize("command", [["upgrade"], ["status"]], ids=lambda c: c[0])
def test_a_server_that_is_not_there(guarded: Desk, where: str, command: list[str]):
    if where == "list":
        del guarded.shell.environment["TENANCY_CATALOGUE_URL"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there
        port = taken.getsockname()[1]
        url = f"postgresql://keeper:{SPELLED}@127.0.0.1:{port}/shop"
        error = refused(guarded, *command, url=url)
    assert "keeper:***@127.0.0.1" in error
    assert str(port) in error
    assert "that the server runs" in error
    assert "host and port" in error


def test_a_database_that_is_not_there(guarded: Desk):
    name = psycopg.conninfo.conninfo_to_dict(guarded.url)["dbname"]
    url = as_role(guarded.url, f"keeper:{SPELLED}").replace(str(name), "nowhere")
    error = refused(guarded, "upgrade", url=url)
    assert '"nowhere" does not exist' in error
    assert "check the database name" in error


def test_a_url_that_is_none(guarded: Desk):
    error = refused(guarded, "status", url=f"postgresql://keeper:{SPELLED}@host:port/shop")
    assert "TENANCY_DATABASE_URL" in error
    assert "port" in error
    error = refused(guarded, "status", url=f"mysql://keeper:{SPELLED}@localhost/shop")
    assert "kind 'mysql'" in error
    assert "postgresql://" in error


def test_more_connections_than_the_server_has(guarded: Desk):
    done = guarded.run("upgrade", "--concurrency", str(ALLOWED + 1))
    assert done.code == 2
    assert f"a concurrency of {ALLOWED + 1} needs {ALLOWED + 1} more connections" in done.err
    assert f"of {ALLOWED} free" in done.err
    assert "Lower it (--concurrency on the command line)" in done.err
    assert guarded.stands() == {}


def test_more_than_half_of_the_connections_is_worth_a_warning(guarded: Desk):
    done = guarded.run("upgrade", "--concurrency", str(ALLOWED // 2 + 1))
    assert done.code == 0, done
    assert "more than half" in done.err
    quiet = guarded.run("downgrade", "0001", "--yes", "--concurrency", str(ALLOWED // 4))
    assert (quiet.code, "more than half" in quiet.err) == (0, False)


def test_more_connections_than_are_free(guarded: Desk):
    with contextlib.ExitStack() as held:
        for _ in range(ALLOWED // 2):
            held.enter_context(psycopg.connect(guarded.url))
        done = guarded.run("upgrade", "--concurrency", str(ALLOWED // 2))
    assert done.code == 2, done
    assert f"of {ALLOWED} free" in done.err
    assert guarded.stands() == {}


def test_a_role_that_may_not_have_so_many(guarded: Desk):
    guarded.sql("GRANT ALL ON SCHEMA tenant_ant, tenant_bee TO guest")
    guest = as_role(guarded.url, "guest")
    guarded.shell.environment["TENANCY_DATABASE_URL"] = guest
    with psycopg.connect(guest), psycopg.connect(guest):
        none_left = guarded.run("upgrade")
    assert none_left.code == 2, none_left
    assert 'too many connections for role "guest"' in none_left.err
    assert "Background on this error" not in none_left.err
    # A server ends a connection a moment after its client has.
    gone = time.monotonic() + 30
    while guarded.sql("SELECT 1 FROM pg_stat_activity WHERE usename = 'guest'"):
        assert time.monotonic() < gone
        time.sleep(0.02)
    with psycopg.connect(guest):
        one_left = guarded.run("upgrade")
    # The tenant that got no connection failed, and says why; the other one is done.
    assert one_left.code == 1, one_left
    assert "1 migrated, 1 failed" in one_left.out
    assert "raise the connection limit of that role" in one_left.out
    assert guarded.run("upgrade").code == 0
