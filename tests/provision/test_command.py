"""`tenancy tenants create`: what a person is told."""

from __future__ import annotations

import json
import signal
import time

import psycopg
import pytest

from cli_process import PATIENCE_S, Shell
from shelf import WAITS, Shelf

WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def shell(shelf: Shelf) -> Shell:
    return Shell(shelf.folder, {"TENANCY_DATABASE_URL": str(shelf.url)})


def test_the_document_is_that_of_the_tenant(shelf: Shelf, shell: Shell) -> None:
    done = shell.run("tenants", "create", "acme", "--tag", "tier=gold", "--json")
    document = json.loads(done.out)
    assert (done.code, document["status"], document["tags"], document["target"]) == (
        0,
        "active",
        {"tier": "gold"},
        "tenant_acme",
    )
    assert shelf.stands("tenant_acme") == ["b2"]


def test_one_that_failed_is_finished_by_the_same_command(shelf: Shelf, shell: Shell) -> None:
    broken = shelf.revision("b3", "b2", 'op.execute("SELECT no_such_function()")')
    done = shell.run("tenants", "create", "acme")
    assert (done.code, done.out) == (1, "")
    assert "'acme' is not finished" in done.err
    broken.unlink()
    assert shell.run("tenants", "create", "acme", "--display-name", "Other").code == 2
    done = shell.run("tenants", "create", "acme")
    assert (done.code, done.err) == (0, "")


def test_an_interrupt_says_what_is_left(
    shelf: Shelf, shell: Shell, gate: psycopg.Connection
) -> None:
    shelf.revision("b3", "b2", WAITS)
    running = shell.start("tenants", "create", "acme")
    end = time.monotonic() + PATIENCE_S
    while not shelf.rows(WAITING):
        assert time.monotonic() < end, running.err.read_text()
        assert running.process.is_alive(), running.wait()
        time.sleep(0.02)
    running.signal(signal.SIGINT)
    gate.close()
    done = running.wait()
    assert done.code == 130
    assert done.err.endswith("the same command again finishes it\n")
    done = shell.run("tenants", "create", "acme")
    assert (done.code, shelf.stands("tenant_acme")) == (0, ["b3"])


def test_a_password_is_not_shown(shelf: Shelf, shell: Shell) -> None:
    own = ("--tenant-database-url", "postgresql://u:geheim@127.0.0.1:1/none")
    done = shell.run("tenants", "create", "acme", *own, "--isolation-strategy", "database")
    assert done.code == 2
    assert "geheim" not in done.out + done.err
