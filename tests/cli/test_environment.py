"""An environment variable that is almost a setting is warned of, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli_desk import Desk
from fastapi_tenancy import TenancyConfig
from fastapi_tenancy.cli.environment import OTHERS

WARNED = (
    "warning: the environment variable {} is not a setting of tenancy and has no effect;"
    " did you mean {}?\n"
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TENANCY_CONCURENCY", "TENANCY_CONCURRENCY"),
        ("tenancy_lock_timeout", "TENANCY_LOCK_TIMEOUT_S"),
        ("TENANCY_SEARCH_PATHS_EXTRA", "TENANCY_SEARCH_PATH_EXTRA"),
        ("TENANCY_PGBIN", "TENANCY_PG_BIN"),
    ],
)
def test_a_misspelt_one(fleet: Callable[..., Desk], name: str, meant: str):
    desk = fleet("acme", at="0001")
    before = desk.run("current")
    desk.shell.environment[name] = "3"
    done = desk.run("current")
    assert done.err == WARNED.format(name, meant)
    assert (done.code, done.out) == (before.code, before.out) == (0, before.out)
    assert desk.json("status")["total"] == 1


def test_once_in_a_command_that_reads_its_settings_twice(desk: Desk):
    desk.add("acme")
    desk.shell.environment["TENANCY_PROOFS"] = "all"
    done = desk.run("tenants", "remove", "acme", "--yes")
    assert (done.code, done.err.count("warning: ")) == (0, 1)


def test_before_the_error_that_comes_of_it(desk: Desk):
    desk.shell.environment["TENANCY_DATABSE_URL"] = desk.shell.environment.pop(
        "TENANCY_DATABASE_URL"
    )
    done = desk.run("current", "--database-url", "postgresql://nobody@nowhere.invalid/none")
    assert done.code == 2
    assert done.err.startswith(WARNED.format("TENANCY_DATABSE_URL", "TENANCY_DATABASE_URL"))
    assert "error: " in done.err
    assert desk.url not in done.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "x") for name in OTHERS),
        ("TENANCY_CONCURENCY", ""),
        ("TENANCY_DATABASE_URL_STAGING", "x"),
        ("TENANCY_HOME", "x"),
        ("MY_TENANCY_CONCURENCY", "x"),
    ],
)
def test_those_that_are_somebodys_own(fleet: Callable[..., Desk], name: str, value: str):
    desk = fleet("acme", at="0001")
    desk.shell.environment[name] = value
    assert desk.run("current").err == ""


def test_the_library_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TENANCY_CONCURENCY", "3")
    TenancyConfig()
    assert capfd.readouterr() == ("", "")
