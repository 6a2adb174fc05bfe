"""``--json``: one document on stdout, nothing else there, whatever else is printed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cli_desk import Desk

RESULT = {
    "tenant_id", "identifier", "target", "from_revision", "to_revision",
    "success", "outcome", "road", "error", "duration_ms",
}  # fmt: skip
REPORT = {
    "run_id", "command", "revision", "total", "succeeded", "failed", "skipped",
    "duration_s", "results",
}  # fmt: skip
STATUS = {
    "total", "at_head", "behind", "ahead", "unversioned", "missing", "heads", "positions",
}  # fmt: skip
NOISE = """
import atexit, logging, os, subprocess, sys
print("printed")
sys.stdout.write("written")
sys.__stdout__.write("written past any replacement")
os.write(1, b"written to the descriptor")
subprocess.run(["echo", "printed by a program"], check=True)
logging.basicConfig(stream=sys.stdout, level="INFO", force=True)
logging.warning("logged")
"""
SAID = ("printed", "written", "past any replacement", "to the descriptor", "by a program", "logged")


@pytest.fixture
def noisy(desk: Desk) -> Desk:
    """A project that prints in every way there is, from env.py and from a revision."""
    env = desk.folder / "migrations" / "env.py"
    env.write_text(NOISE + env.read_text())
    desk.revision("0003", "0002", "noise", NOISE + "\nop.get_bind()", NOISE)
    desk.add("acme", "bolt", "crux")
    return desk


def test_nothing_else_reaches_stdout(noisy: Desk):
    done = noisy.run("upgrade", "--json")
    assert done.code == 0
    assert json.loads(done.out)["succeeded"] == 3
    for said in SAID:
        assert said in done.err
    assert noisy.json("explain")["steps"][-1]["road"] == "live"
    assert noisy.json("status")["at_head"] == 3
    assert noisy.json("current")["total"] == 3
    assert noisy.json("upgrade", "--dry-run")["already_there"] == 3
    assert noisy.json("downgrade", "base", "--yes")["succeeded"] == 3


def test_printed_sql_is_sql_alone(noisy: Desk):
    done = noisy.run("upgrade", "0002", "--sql", "--tenant", "acme")
    assert done.code == 0
    assert done.out.startswith("-- acme: tenant_acme\nBEGIN;\n")
    assert done.out.endswith("COMMIT;\n")
    assert "printed" not in done.out
    assert "printed" in done.err


def test_the_document_of_a_run(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")
    desk.sql("DROP SCHEMA tenant_bolt CASCADE")
    document = desk.json("upgrade", "0002", code=1)
    assert set(document) == REPORT
    assert (document["command"], document["revision"]) == ("upgrade", "0002")
    counts = [document[k] for k in ("total", "succeeded", "failed", "skipped")]
    assert counts == [2, 1, 1, 0]
    first, second = sorted(document["results"], key=lambda r: r["identifier"])
    assert set(first) == set(second) == RESULT
    assert {k: first[k] for k in RESULT - {"duration_ms"}} == {
        "tenant_id": "id-acme",
        "identifier": "acme",
        "target": "tenant_acme",
        "from_revision": "0001",
        "to_revision": "0002",
        "success": True,
        "outcome": "migrated",
        "road": "live",
        "error": None,
    }
    assert first["duration_ms"] > 0
    assert (second["success"], second["outcome"], second["to_revision"]) == (False, "failed", None)
    assert "the schema does not exist" in second["error"]


def test_a_run_of_nobody_is_a_document_too(desk: Desk):
    desk.add("acme")
    document = desk.json("upgrade", "--tag", "tier=gold")
    assert set(document) == REPORT
    assert (document["total"], document["results"]) == (0, [])


def test_the_document_of_a_status(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", "crux", at="0003")
    desk.run("downgrade", "0001", "--tenant", "acme")
    desk.add("dove", "elk")
    desk.sql("DROP SCHEMA tenant_elk")
    desk.sql("UPDATE tenant_crux.alembic_version SET version_num = 'ffff'")
    document = desk.json("status")
    assert set(document) == STATUS
    assert document == {
        "total": 5,
        "at_head": 1,
        "behind": 1,
        "ahead": 1,
        "unversioned": 1,
        "missing": 1,
        "heads": ["0003"],
        "positions": document["positions"],
    }
    found = {p["revision"]: p["tenants"] for p in document["positions"]}
    assert found == {"0001": 1, "0003": 1, "ffff": 1}
    assert all(set(p) == {"revision", "tenants"} for p in document["positions"])


def test_the_check_of_a_status(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0003")
    assert desk.run("status", "--check").code == 0
    desk.add("bolt")
    assert desk.run("status").code == 0
    assert desk.run("status", "--check").code == 1
    assert desk.json("status", "--check", code=1)["unversioned"] == 1


def test_the_other_documents(fleet: Callable[..., Desk]):
    desk = fleet("acme", at="0001")
    (tenant,) = desk.json("current")["tenants"]
    assert (tenant["identifier"], tenant["revision"], tenant["state"]) == (
        "acme",
        "0001",
        "versioned",
    )
    assert [r["revision"] for r in desk.json("history")["revisions"]] == ["0003", "0002", "0001"]
    assert [r["revision"] for r in desk.json("heads")["revisions"]] == ["0003"]
    steps = desk.json("explain", "0002")["steps"]
    assert [(s["revision"], s["road"]) for s in steps] == [("0001", "replay"), ("0002", "replay")]
    added = desk.json("tenants", "add", "bolt", "--tag", "tier=gold")
    assert (added["identifier"], added["tags"]) == ("bolt", {"tier": "gold"})
    assert [t["identifier"] for t in desk.json("tenants", "list")["tenants"]] == ["acme", "bolt"]
    assert desk.json("tenants", "show", "bolt")["target"] == "tenant_bolt"
    assert desk.json("tenants", "remove", "bolt", "--yes")["identifier"] == "bolt"
    (cohort,) = desk.json("upgrade", "--dry-run")["cohorts"]
    assert (cohort["from_revision"], cohort["to_revision"], cohort["tenants"]) == (
        "0001",
        "0003",
        1,
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("upgrade", "nowhere"), "no revision 'nowhere'"),
        (("upgrade", "--tenant", "nobody"), "no tenant 'nobody'"),
        (("upgrade", "--concurrency", "many"), "Invalid value for '--concurrency'"),
        (("upgrade", "--wrong"), "No such option: --wrong"),
        (("status", "--config", "nowhere.ini"), "no nowhere.ini at"),
        (("downgrade", "base"), "nobody can be asked here"),
        (("sidegrade",), "No such command 'sidegrade'"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_an_error_is_a_document(fleet: Callable[..., Desk], arguments: tuple[str, ...], told: str):
    desk = fleet("acme", "bolt", at="0001")
    document = desk.json(*arguments, code=2)
    assert list(document) == ["error"]
    assert told in document["error"]
    assert set(desk.stands().values()) == {"0001"}
