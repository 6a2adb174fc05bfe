"""A revision that ends the process does not end the command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli_desk import Desk


def test_the_report_is_printed(fleet: Callable[..., Desk]) -> None:
    desk = fleet("acme", "globex", "initech", at="head")
    up = "import sys\nfrom fastapi_tenancy import current_tenant as mine\n"
    desk.revision("0004", "0003", "leave", f"{up}mine().identifier == 'acme' and sys.exit(0)")
    done = desk.run("upgrade")
    assert done.code == 1
    assert "the revision ended the process with exit(0)" in done.out + done.err


def test_explain_names_it(fleet: Callable[..., Desk]) -> None:
    desk = fleet("acme")
    desk.revision("0004", "0003", "leave", "import sys\nsys.exit(0)")
    steps = {s["revision"]: s for s in desk.json("explain")["steps"]}
    assert steps["0004"]["road"] == "live"
    assert "the revision ended the process with exit(0)" in steps["0004"]["reason"]


@pytest.mark.parametrize("raised", ["GeneratorExit", "Silent"])
def test_explain_and_a_dry_run_live_through_odd_errors(fleet: Callable[..., Desk], raised: str):
    desk = fleet("acme")
    silent = "class Silent(Exception):\n    __str__ = None\n"
    path = desk.revision("0004", "0003", "odd", f"{silent}raise {raised}")
    steps = {s["revision"]: s for s in desk.json("explain")["steps"]}
    assert raised in steps["0004"]["reason"]
    assert desk.json("upgrade", "--dry-run")["cohorts"]
    path.write_text(path.read_text() + f"\n{silent}raise {raised}\n")
    assert raised in desk.json("explain", code=2)["error"]


def test_a_reason_that_is_cut_says_so(fleet: Callable[..., Desk]) -> None:
    desk = fleet("acme")
    desk.revision("0004", "0003", "long", "raise Exception('x' * 300)")
    steps = {s["revision"]: s for s in desk.json("explain")["steps"]}
    assert steps["0004"]["reason"].endswith("xxx...")


@pytest.mark.parametrize("module", ["", "raise KeyboardInterrupt\n"], ids=["function", "module"])
def test_an_interrupt_of_its_own_does_not_end_explain(fleet: Callable[..., Desk], module: str):
    desk = fleet("acme")
    path = desk.revision("0004", "0003", "leave", "raise KeyboardInterrupt")
    path.write_text(path.read_text() + module)
    done = desk.run("explain", "--json")
    assert "raised KeyboardInterrupt, which is meant to end a process" in done.out
    assert done.code == (2 if module else 0)
