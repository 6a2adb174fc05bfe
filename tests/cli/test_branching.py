"""`tenancy branches`, `tenancy show` and what they share with `tenancy history`, as documents."""

from __future__ import annotations

import pytest

from cli_desk import Desk
from test_bad_input import refused


@pytest.fixture
def forked(desk: Desk) -> Desk:
    """Two ways from 0001, and a revision that depends on another one."""
    desk.revision("0002b", "0001", "another way", "pass", labels=["other"])
    path = desk.revision("0004", "0002b", "both", "pass")
    path.write_text(path.read_text() + "\ndepends_on = '0003'\n")
    return desk


def test_branches_as_a_document(forked: Desk):
    (found,) = forked.json("branches")["revisions"]
    assert found["revision"] == "0001"
    assert found["children"] == ["0002", "0002b"]
    assert found["path"].endswith("/migrations/versions/0001.py")


def test_no_branches_are_an_empty_list(desk: Desk):
    assert desk.json("branches") == {"revisions": []}


def test_one_revision_as_a_document(forked: Desk):
    (found,) = forked.json("show", "0004")["revisions"]
    assert found == {
        "revision": "0004",
        "down_revisions": ["0002b"],
        "depends_on": ["0003"],
        "labels": ["other"],
        "head": True,
        "message": "both",
        "children": [],
        "path": str(forked.folder / "migrations" / "versions" / "0004.py"),
    }


def test_history_names_what_a_revision_depends_on(forked: Desk):
    revisions = {r["revision"]: r for r in forked.json("history")["revisions"]}
    assert revisions["0004"]["depends_on"] == ["0003"]


@pytest.mark.parametrize("revision", ["", "base", "+1", "0001+1", "0001:0002", "fff"])
def test_what_names_no_revision_is_refused(desk: Desk, revision: str):
    refused(desk.run("show", revision), "revision")
    assert "better message" not in desk.run("show", revision).err


def test_a_broken_revision_file_is_named(desk: Desk):
    path = desk.revision("0004", "0003", "half", "pass")
    path.write_text("def half(:\n")
    for command in (("show", "0001"), ("branches",)):
        refused(desk.run(*command), str(path), "syntax error")
