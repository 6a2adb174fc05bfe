"""What a place that is nobody's waits for, and who waits where no server is in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cli_desk import Desk
from cli_process import Shell
from fastapi_tenancy.testing.databases import create_database, drop_database
from several import BROKEN, revision, shop, track


@pytest.fixture
def cleaned(desk: Desk) -> Desk:
    """The shop, and a track that goes when every tenant has moved; acme cannot move to t2."""
    assert desk.run("upgrade", "--create").code == 0
    track(desk.folder, "cleanup", 'scope = "shared"\nafter = ["tenants"]')
    revision(desk.folder / "tenants", "t2", "t1", 'op.add_column("books", sa.Column("x", sa.Text))')
    desk.sql("ALTER TABLE tenant_acme.books ADD COLUMN x text")
    return desk


def test_a_place_of_nobodys_waits_for_every_tenant(cleaned: Desk):
    done = cleaned.json("upgrade", code=1)
    found = {r["identifier"]: r["outcome"] for r in done["results"]}
    assert found == {
        "shared": "already there", "acme": "failed", "bolt": "migrated", "coil": "migrated",
        "cleanup": "skipped",
    }  # fmt: skip
    (held,) = (r for r in done["results"] if r["track"] == "cleanup")
    assert held["error"] == (
        "not started: it waits for the track 'tenants', which failed in schema tenant_acme"
    )
    assert "cleanup" not in cleaned.stands()
    cleaned.sql("ALTER TABLE tenant_acme.books DROP COLUMN x")
    assert cleaned.run("upgrade").code == 0
    assert cleaned.stands()["cleanup"] == "cleanup1"


def test_by_itself_it_waits_for_tenants_that_are_behind(cleaned: Desk):
    done = cleaned.run("upgrade", "--track", "cleanup")
    assert done.code == 2, done
    assert (
        "the track 'cleanup' waits for 'tenants', which is not yet where it should be in"
        " schema tenant_acme and 2 more: `tenancy upgrade --track tenants` brings it there"
        in done.err
    )
    assert "cleanup" not in cleaned.stands()
    cleaned.sql("ALTER TABLE tenant_acme.books DROP COLUMN x")
    assert cleaned.run("upgrade", "--track", "tenants").code == 0
    assert cleaned.run("upgrade", "--track", "cleanup").code == 0
    assert cleaned.stands()["cleanup"] == "cleanup1"


def test_it_waits_for_tenants_too_that_nobody_chose(cleaned: Desk):
    plan = cleaned.json("upgrade", "--tenant", "bolt", "--dry-run", code=1)
    assert "tenant_acme" in str(plan["tracks"][2]["refused"])
    done = cleaned.json("upgrade", "--tenant", "bolt")
    found = {r["identifier"]: r["outcome"] for r in done["results"]}
    assert found == {"shared": "already there", "bolt": "migrated", "cleanup": "skipped"}
    cleaned.sql("ALTER TABLE tenant_acme.books DROP COLUMN x")
    assert cleaned.run("upgrade", "--tenant", "acme").code == 0
    assert "cleanup" not in cleaned.stands()
    assert cleaned.run("upgrade", "--tenant", "coil").code == 0
    assert cleaned.stands()["cleanup"] == "cleanup1"


@pytest.fixture
def servers(bare: Desk) -> Iterator[tuple[Desk, Desk, Desk]]:
    """The shop on two shards and nowhere else, and a database by itself that goes after."""
    shop(bare.folder)
    us, events = create_database(bare.url), create_database(bare.url)
    track(bare.folder, "events", 'scope = "database"\nurl = "env:EVENTS"\nafter = ["shared"]')
    with (bare.folder / "tenancy.toml").open("a") as settings:
        settings.write('[shards.eu]\nurl = "env:EU"\n[shards.us]\nurl = "env:US"\n')
    environment = {
        "TENANCY_CATALOGUE_URL": "sqlite:///list.db", "EU": bare.url, "US": us, "EVENTS": events
    }  # fmt: skip
    eu = replace(bare, shell=Shell(bare.folder, environment))
    assert eu.run("tenants", "add", "acme", "--shard", "eu").code == 0
    yield eu, replace(eu, url=us), replace(eu, url=events)
    drop_database(us)
    drop_database(events)


def test_a_database_by_itself_waits_for_every_server(servers: tuple[Desk, Desk, Desk]):
    eu, us, events = servers
    us.sql("CREATE SCHEMA shared; CREATE TABLE shared.companies (id int)")
    done = eu.json("upgrade", "--create", code=1)
    found = {r["identifier"]: r["outcome"] for r in done["results"]}
    assert found == {
        "shared@eu": "migrated", "shared@us": "failed", "acme": "migrated", "events": "skipped"
    }  # fmt: skip
    assert events.stands() == {}
    alone = eu.json("upgrade", "--track", "events", code=1)
    assert "waits for 'shared'" in alone["results"][0]["error"]
    us.sql("DROP TABLE shared.companies")
    assert eu.run("upgrade").code == 0
    assert events.stands() == {"public": "events1"}


def test_a_tenant_on_no_server_of_ours_waits_for_all(servers: tuple[Desk, Desk, Desk]):
    eu, us, _events = servers
    own = create_database(us.url)
    try:
        settings = eu.folder / "tenancy.toml"
        settings.write_text('isolation_strategy = "hybrid"\n' + settings.read_text())
        place = ("--isolation-strategy", "database", "--tenant-database-url", own)
        assert eu.run("tenants", "add", "bolt", *place).code == 0
        us.sql("CREATE SCHEMA shared; CREATE TABLE shared.companies (id int)")
        done = eu.json("upgrade", "--create", code=1)
        found = {r["identifier"]: (r["outcome"], r["error"]) for r in done["results"]}
        assert found["acme"] == ("migrated", None)
        assert found["bolt"] == (
            "skipped",
            "not started: it waits for the track 'shared', which failed in schema shared",
        )
    finally:
        drop_database(own)


def test_what_is_on_one_server_waits_for_that_one(servers: tuple[Desk, Desk, Desk]):
    eu, us, _events = servers
    track(eu.folder, "roles", 'scope = "shard"\nafter = ["shared"]')
    us.sql("CREATE SCHEMA shared; CREATE TABLE shared.companies (id int)")
    done = eu.json("upgrade", "--create", code=1)
    found = {r["identifier"]: r["outcome"] for r in done["results"] if r["track"] == "roles"}
    assert found == {"roles@eu": "migrated", "roles@us": "skipped"}


def ahead(desk: Desk, schema: str) -> None:
    """Somebody with newer scripts was at work there."""
    desk.sql(f"UPDATE {schema}.alembic_version SET version_num = 'of_a_later_release'")


def test_who_waits_for_what_is_ahead_of_the_scripts_goes_on(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    track(desk.folder, "extra", 'scope = "shared"\nafter = ["shared"]')
    revision(desk.folder / "tenants", "t2", "t1", 'op.add_column("books", sa.Column("x", sa.Text))')
    ahead(desk, "shared")
    done = desk.run("upgrade")
    assert done.code == 1, "the place itself is refused"
    assert "of_a_later_release, which the scripts do not know" in done.out + done.err
    assert (
        "the track 'shared' is newer than the scripts in schema shared, and left as it is"
        in done.err
    )
    assert desk.stands() == {
        "shared": "of_a_later_release", "extra": "extra1", "acme": "t2", "bolt": "t2", "coil": "t2"
    }  # fmt: skip


def test_a_track_alone_that_waits_for_what_is_ahead_goes_on(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    ahead(desk, "shared")
    revision(desk.folder / "tenants", "t2", "t1", 'op.add_column("books", sa.Column("x", sa.Text))')
    done = desk.run("upgrade", "--track", "tenants")
    assert done.code == 0, done
    assert "the track 'shared' is newer than the scripts in schema shared" in done.err
    assert desk.stands()["coil"] == "t2"


def test_tenants_that_are_ahead_hold_nothing(cleaned: Desk):
    ahead(cleaned, "tenant_acme")
    done = cleaned.json("upgrade", code=1)
    found = {r["identifier"]: r["outcome"] for r in done["results"]}
    assert (found["acme"], found["cleanup"]) == ("failed", "migrated")
    done = cleaned.run("upgrade", "--track", "cleanup")
    assert done.code == 0
    assert "the track 'tenants' is newer than the scripts in schema tenant_acme" in done.err


def test_rows_that_contradict_each_other_are_no_newer_scripts(cleaned: Desk):
    cleaned.sql("INSERT INTO shared.alembic_version VALUES ('s0')")
    revision(cleaned.folder / "shared", "s2", "s1", BROKEN)
    cleaned.sql("UPDATE shared.alembic_version SET version_num = 's2' WHERE version_num = 's0'")
    done = cleaned.json("upgrade", code=1)
    found = {r["identifier"]: r["outcome"] for r in done["results"]}
    assert found["shared"] == "failed"
    assert found["bolt"] == "skipped"
    alone = cleaned.run("upgrade", "--track", "tenants")
    assert alone.code == 2
    assert "not yet where it should be in schema shared (" in alone.err
