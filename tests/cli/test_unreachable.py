"""A request that leads nowhere for anybody is refused as a whole; for some, it is their failure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli_desk import Desk


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("upgrade", "+9"), "'+9' cannot be reached from here: Relative revision +9"),
        (("downgrade", "-9", "--yes"), "'-9' cannot be reached from here: Relative revision -9"),
        (("downgrade", "-9", "--dry-run"), "'-9' cannot be reached from here"),
        (("downgrade", "head", "--yes"), "'head' cannot be reached from here: Destination head"),
        (("upgrade", "0002+9"), "'0002+9' cannot be reached from here"),
        (("stamp", "+9", "--yes"), "no revision '+9'"),
    ],
)
def test_for_nobody(fleet: Callable[..., Desk], arguments: tuple[str, ...], told: str):
    desk = fleet("acme", "bolt", "crux", at="0001")
    assert desk.run("upgrade", "0002", "--tenant", "acme").code == 0
    before = desk.stands()
    done = desk.run(*arguments)
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith(f"error: {told}")
    assert "This is so for every tenant asked for, and nothing was changed" in done.err
    assert desk.stands() == before


def test_a_tenant_that_stands_nowhere_does_not_make_it_possible(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")
    desk.add("dune", schemas=False)
    assert desk.run("upgrade", "+9").code == 2


def test_for_some_it_is_their_failure(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")
    assert desk.run("upgrade", "head", "--tenant", "acme").code == 0
    done = desk.run("upgrade", "+2")
    assert done.code == 1
    assert "1 migrated, 1 failed" in done.out
    assert "failed: acme\n  '+2' cannot be reached from here" in done.out
    assert desk.stands() == {"acme": "0003", "bolt": "0003"}
    done = desk.run("downgrade", "-2", "--tenant", "acme", "--tenant", "bolt", "--dry-run")
    assert done.code == 0


def test_for_some_that_is_already_there(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")
    assert desk.run("upgrade", "head", "--tenant", "acme").code == 0
    done = desk.run("downgrade", "head", "--yes")
    assert done.code == 1
    assert "1 already there, 1 failed" in done.out


def test_explain_refuses_in_the_same_words(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")
    told = "'head' cannot be reached from here: Destination head is not a valid downgrade target"
    done = desk.run("explain", "--downgrade", "head", "--from", "0001")
    assert done.code == 2
    assert done.err.startswith(f"error: {told}")
    assert desk.run("downgrade", "head", "--yes").err.startswith(f"error: {told}")
    # From the heads themselves there is nothing to do, and a run says so too.
    assert "no revisions lie between" in desk.run("explain", "--downgrade", "head").out
    steps = desk.json("explain", "--downgrade")["steps"]
    assert [s["revision"] for s in steps] == ["0003", "0002", "0001"]
