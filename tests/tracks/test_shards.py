"""Tracks on several servers: what is shared stands on each of them, and falls on one alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cli_desk import Desk
from cli_process import Shell
from fastapi_tenancy.testing.databases import create_database, drop_database
from several import revision, shop


@pytest.fixture
def shards(bare: Desk) -> Iterator[tuple[Desk, Desk]]:
    """The shop on two databases that stand for two servers, with a tenant on each."""
    shop(bare.folder)
    other = create_database(bare.url)
    with (bare.folder / "tenancy.toml").open("a") as settings:
        settings.write('[shards.eu]\nurl = "env:EU"\n[shards.us]\nurl = "env:US"\n')
    environment = {"TENANCY_CATALOGUE_URL": "sqlite:///list.db", "EU": bare.url, "US": other}
    eu = replace(bare, shell=Shell(bare.folder, environment))
    for identifier in ("acme", "bolt"):
        assert eu.run("tenants", "add", identifier).code == 0
    yield eu, replace(eu, url=other)
    drop_database(other)


def test_what_is_shared_stands_on_each_server(shards: tuple[Desk, Desk]):
    eu, us = shards
    done = eu.json("upgrade", "--create")
    assert [(t["track"], t["succeeded"]) for t in done["tracks"]] == [("shared", 2), ("tenants", 2)]
    assert [r["identifier"] for r in done["results"]] == ["shared@eu", "shared@us", "acme", "bolt"]
    assert eu.stands() == {"shared": "s1", "acme": "t1"}
    assert us.stands() == {"shared": "s1", "bolt": "t1"}


def test_what_fell_on_one_server_holds_up_its_own_tenants_only(shards: tuple[Desk, Desk]):
    eu, us = shards
    us.sql("CREATE SCHEMA shared; CREATE TABLE shared.companies (id int)")
    done = eu.json("upgrade", "--create", code=1)
    found = {r["identifier"]: (r["success"], r["error"]) for r in done["results"]}
    assert [name for name, (success, _) in found.items() if success] == ["shared@eu", "acme"]
    assert "already exists" in found["shared@us"][1]
    assert "waits for the track 'shared', which failed in schema shared" in found["bolt"][1]
    us.sql("DROP TABLE shared.companies")
    assert eu.run("upgrade", "--create").code == 0
    assert us.stands() == {"shared": "s1", "bolt": "t1"}


def test_the_common_database_may_be_that_of_a_shard(shards: tuple[Desk, Desk]):
    eu, _us = shards
    eu.shell.environment["TENANCY_DATABASE_URL"] = eu.url
    done = eu.json("upgrade", "--create")
    assert done["failed"] == 0
    assert eu.stands() == {"shared": "s1", "acme": "t1"}


def test_a_track_alone_goes_on_where_what_it_waits_for_stands(shards: tuple[Desk, Desk]):
    eu, us = shards
    assert eu.run("upgrade", "--track", "shared").code == 0
    us.sql("DELETE FROM shared.alembic_version; DROP TABLE shared.companies")
    plan = eu.json("upgrade", "--track", "tenants", "--create", "--dry-run", code=1)
    assert plan["tracks"][0]["cohorts"][0]["targets"] == ["tenant_acme"]
    done = eu.json("upgrade", "--track", "tenants", "--create", code=1)
    assert [(r["identifier"], r["outcome"]) for r in done["results"]] == [
        ("acme", "migrated"),
        ("bolt", "failed"),
    ]
    assert "`tenancy upgrade --track shared` brings it there" in done["results"][1]["error"]


def test_where_all_stood_before_and_where_they_stand_after(shards: tuple[Desk, Desk]):
    """Of a change that has to reach every database, what is left is listed, and then done."""
    eu, us = shards
    assert eu.run("upgrade", "--create").code == 0
    revision(
        eu.folder / "shared", "s2", "s1", 'op.create_table("users", sa.Column("id", sa.Integer))'
    )
    us.sql("CREATE TABLE shared.users (id int)")
    done = eu.json("upgrade", code=1)
    found = {r["identifier"]: (r["from_revision"], r["to_revision"]) for r in done["results"]}
    assert found["shared@eu"] == ("s1", "s2")
    assert found["shared@us"] == ("s1", "s1")
    us.sql("DROP TABLE shared.users")
    again = eu.json("upgrade")
    assert [r["identifier"] for r in again["results"] if r["outcome"] == "migrated"] == [
        "shared@us"
    ]
    assert eu.run("status", "--check").code == 0
