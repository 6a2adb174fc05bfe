"""What tenants share goes first, and nobody starts before it stands."""

from __future__ import annotations

import json
import signal

import pytest

from cli_desk import Desk
from several import BROKEN, revision
from test_signals import WAITERS, held, tell, until


def test_all_tracks_go_in_their_order(desk: Desk):
    done = desk.json("upgrade", "--create")
    assert [(t["track"], t["scope"], t["succeeded"]) for t in done["tracks"]] == [
        ("shared", "shared", 1),
        ("tenants", "tenant", 3),
    ]
    assert done["total"] == done["succeeded"] == 4
    assert [r["track"] for r in done["results"]] == ["shared", *["tenants"] * 3]
    assert desk.stands() == {"shared": "s1", "acme": "t1", "bolt": "t1", "coil": "t1"}
    assert not desk.sql(
        "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'books'"
    )


def test_a_second_run_has_nothing_to_do(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    done = desk.run("upgrade")
    assert done.code == 0
    assert "shared: 1 already there" in done.out
    assert "tenants: 3 already there" in done.out


def test_no_tenant_starts_before_its_shared_track_stands(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    revision(desk.folder / "shared", "s2", "s1", BROKEN)
    revision(desk.folder / "tenants", "t2", "t1", 'op.execute("SELECT 1")')
    done = desk.json("upgrade", code=1)
    assert done["failed"] == 1
    assert done["skipped"] == 3
    skipped = [r for r in done["results"] if r["track"] == "tenants"]
    assert {r["error"] for r in skipped} == {
        "not started: it waits for the track 'shared', which failed in schema shared"
    }
    assert {r["identifier"] for r in skipped} == {"acme", "bolt", "coil"}
    assert desk.stands() == {"shared": "s1", "acme": "t1", "bolt": "t1", "coil": "t1"}


def test_a_track_by_itself(desk: Desk):
    done = desk.json("upgrade", "--track", "shared")
    assert [t["track"] for t in done["tracks"]] == ["shared"]
    assert desk.stands() == {"shared": "s1"}
    assert desk.run("upgrade", "--track", "tenants", "--create").code == 0
    assert desk.stands()["coil"] == "t1"


def test_a_track_by_itself_waits_too(desk: Desk):
    done = desk.run("upgrade", "--track", "tenants", "--create")
    assert done.code == 2
    assert "the track 'tenants' waits for 'shared'" in done.err
    assert "`tenancy upgrade --track shared`" in done.err
    assert desk.stands() == {}


def test_the_section_of_the_ini_file_names_its_track(desk: Desk):
    assert desk.run("--name", "shared", "upgrade").code == 0
    assert desk.stands() == {"shared": "s1"}


@pytest.mark.parametrize(
    "command", [("downgrade", "-1"), ("downgrade", "base"), ("stamp", "t1"), ("upgrade", "t1")]
)
def test_a_revision_of_one_history_needs_its_track(desk: Desk, command: tuple[str, ...]):
    assert desk.run("upgrade", "--create").code == 0
    done = desk.run(*command, "--yes")
    assert done.code == 2
    assert "--track NAME, of shared, tenants" in done.err
    assert desk.stands()["acme"] == "t1"
    assert desk.run(*command, "--yes", "--track", "tenants").code == 0


def test_only_some_tenants(desk: Desk):
    assert desk.run("upgrade", "--create", "--tenant", "bolt").code == 0
    assert desk.stands() == {"shared": "s1", "bolt": "t1"}


def test_a_dry_run_plans_every_track_and_changes_nothing(desk: Desk):
    plan = desk.json("upgrade", "--create", "--dry-run")
    assert [t["track"] for t in plan["tracks"]] == ["shared", "tenants"]
    assert plan["tracks"][1]["cohorts"][0]["tenants"] == 3
    assert desk.stands() == {}


def test_where_every_track_stands(desk: Desk):
    assert desk.run("status", "--check").code == 1
    assert desk.run("upgrade", "--create").code == 0
    assert desk.run("status", "--check").code == 0
    found = desk.json("status")["tracks"]
    assert [(t["track"], t["total"], t["at_head"]) for t in found] == [
        ("shared", 1, 1),
        ("tenants", 3, 3),
    ]
    rows = desk.json("current")["tenants"]
    assert [(r["track"], r["revision"]) for r in rows] == [
        ("shared", "s1"),
        *[("tenants", "t1")] * 3,
    ]


def test_an_unknown_revision_is_refused_before_anything_is_changed(desk: Desk):
    (desk.folder / "tenancy.toml").write_text(
        (desk.folder / "tenancy.toml")
        .read_text()
        .replace('after = ["shared"]', 'after = ["shared"]\nrevision = "t9"')
    )
    done = desk.run("upgrade", "--create")
    assert done.code == 2
    assert "'t9'" in done.err
    assert desk.stands() == {}


def test_a_track_that_cannot_be_read_is_refused_before_anything_is_changed(desk: Desk):
    (desk.folder / "tenants" / "versions" / "t1.py").write_text("import nothing_there\n")
    done = desk.run("upgrade", "--create")
    assert done.code == 2
    assert "nothing_there" in done.err
    assert desk.stands() == {}


def test_an_env_py_that_fails_after_another_track_was_changed_is_told_with_it(desk: Desk):
    (desk.folder / "tenants" / "env.py").write_text("raise RuntimeError('no such luck')\n")
    done = desk.json("upgrade", "--create", code=1)
    assert done["tracks"][0]["succeeded"] == 1
    errors = {r["error"] for r in done["results"] if r["track"] == "tenants"}
    assert len(errors) == 1
    assert "no such luck" in errors.pop()
    assert done["failed"] == 3


def test_an_interrupted_run_leaves_later_tracks_alone_and_says_so(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    waits = 'op.execute("SELECT pg_advisory_xact_lock(42)")'
    revision(desk.folder / "shared", "s2", "s1", waits)
    revision(desk.folder / "tenants", "t2", "t1", 'op.execute("SELECT 1")')
    with held(desk):
        running = desk.shell.start("upgrade", "--json")
        until(running, lambda: desk.sql(WAITERS) == [(1,)])
        tell(running, signal.SIGINT, "stopping")
    done = running.wait()
    assert done.code == 130
    results = json.loads(done.out)["results"]
    assert [(r["track"], r["outcome"]) for r in results] == [
        ("shared", "migrated"),
        *[("tenants", "skipped")] * 3,
    ]
    assert desk.stands() == {"shared": "s2", "acme": "t1", "bolt": "t1", "coil": "t1"}
    assert desk.run("upgrade").code == 0
    assert desk.stands()["coil"] == "t2"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('scope = "shared"', 'scope = "common"', "tracks.shared.scope in tenancy.toml is 'common'"),
        ('after = ["shared"]', 'after = ["sharde"]', "tracks.tenants.after names 'sharde'"),
        ('scope = "shared"', 'scope = "shared"\nafter = ["tenants"]', "wait for each other in a circle"),
        ('scope = "shared"', 'scope = "shared"\nurl = "postgresql://h/d"', "url is for a track of the scope database"),
        ('scope = "shared"', 'scope = "shared"\nschema_nam = "s"', "tracks.shared.schema_nam"),
        ('scope = "shared"\n', "", "tracks.shared.scope in tenancy.toml is missing"),
        ('scope = "shared"', 'scope = "shared"\nalembic_section = "sharde"', "no script_location in [sharde]"),
        ('scope = "shared"', f'scope = "shared"\nschema_name = "{"s" * 64}"', "63 bytes"),
        ('scope = "shared"', 'scope = "shared"\nschema_name = "pg_shared"', "PostgreSQL's own"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used(desk: Desk, old: str, new: str, told: str):
    path = desk.folder / "tenancy.toml"
    path.write_text(
        path.read_text()
        .replace(old, new)
        .replace('alembic_section = "shared"\n' if "sharde" in told else "\0", "")
    )
    done = desk.run("upgrade", "--create")
    assert done.code == 2, done
    assert told in done.err
    assert "Traceback" not in done.err
    assert desk.stands() == {}


def test_no_tracks_and_one_named(bare: Desk):
    desk = Desk.furnished(bare.folder / "plain", bare.url)
    done = desk.run("upgrade", "--track", "shared")
    assert done.code == 2
    assert "the settings have no tracks" in done.err


def test_doctor_looks_at_every_track(desk: Desk):
    found = {f["check"]: f for f in desk.json("doctor")["findings"]}
    assert found["shared: version tables"]["found"] == "shared does not exist"
    assert found["shared: version tables"]["do"] == "`tenancy upgrade --track shared`"
    assert found["tenants: version tables"]["found"] == "0 of 3 are at the head"
    assert desk.run("upgrade", "--create").code == 0
    done = desk.json("doctor")
    found = {f["check"]: f for f in done["findings"]}
    assert done["fine"]
    assert found["shared: version tables"]["found"] == "shared is at s1"
    assert found["tenants: version tables"]["found"] == "3 of 3 are at the head"
    assert [f["check"] for f in done["findings"]].count("connection") == 1
    revision(desk.folder / "shared", "s2", "s1", BROKEN)
    found = {f["check"]: f for f in desk.json("doctor", "--track", "shared")["findings"]}
    assert found["shared: version tables"]["found"] == "shared is behind, at s1"
    assert "tenants: revisions" not in found
    desk.sql("UPDATE shared.alembic_version SET version_num = 'lost'")
    done = desk.json("doctor", code=1)
    assert "at lost, which the scripts do not know" in str(done)
