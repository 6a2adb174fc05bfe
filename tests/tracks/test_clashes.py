"""Two tracks with one version table are refused wherever some tenant lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli_desk import Desk
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.migrations.tracks.clashes import refuse_shared_version_tables
from fastapi_tenancy.migrations.tracks.opening import open_tracks
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import database_of, with_database
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import create_database, drop_database
from several import ini, located, revision, scripts

TABLE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'
SETTINGS = """\
isolation_strategy = "hybrid"
[tracks.first]
scope = {scope}
alembic_section = "first"
[tracks.tenants]
scope = "tenant"
alembic_section = "tenants"
after = ["first"]
"""


@pytest.fixture
def hybrid(bare: Desk) -> Callable[[str], Desk]:
    """Two tracks, the first of some scope, and a tenant with a schema of its own."""

    def made(scope: str) -> Desk:
        ini(bare.folder / "alembic.ini", {n: located(n) for n in ("first", "tenants")})
        for name in ("first", "tenants"):
            revision(scripts(bare.folder / name), f"{name}1", None, TABLE.format(f"by_{name}"))
        (bare.folder / "tenancy.toml").write_text(SETTINGS.format(scope=scope))
        assert bare.run("tenants", "add", "acme", "--isolation-strategy", "schema").code == 0
        return bare

    return made


def own_table(folder: Path, name: str) -> None:
    """Let a track keep its positions in a version table of its own."""
    env = folder / name / "env.py"
    env.write_text(env.read_text().replace("()", f"(version_table='{name}_version')"))


def refused(desk: Desk) -> str:
    done = desk.run("upgrade", "--create")
    assert done.code == 2, done
    assert "the tracks 'first' and 'tenants' would both keep their revisions" in done.err
    assert desk.stands() == {}
    return done.err


def test_tenants_in_shared_tables_beside_a_track_of_the_server(hybrid: Callable[[str], Desk]):
    desk = hybrid('"shard"')
    assert desk.run("upgrade", "--create").code == 0, "acme alone has a place of its own"
    desk.sql("DROP SCHEMA tenant_acme CASCADE; DROP TABLE by_first, alembic_version")
    assert desk.run("tenants", "add", "bolt", "--isolation-strategy", "rls").code == 0
    assert "in the table alembic_version of" in refused(desk)
    env = desk.folder / "first" / "env.py"
    usual = env.read_text()
    own_table(desk.folder, "first")
    assert desk.json("upgrade", "--create", "--dry-run")["tracks"][0]["refused"] == []
    env.write_text(usual.replace("()", "(version_table_schema='elsewhere')"))
    desk.sql("CREATE SCHEMA elsewhere")
    assert desk.json("upgrade", "--create")["failed"] == 0


def test_a_tenant_in_the_database_of_a_track(bare: Desk, hybrid: Callable[[str], Desk]):
    own = create_database(bare.url)
    try:
        bare.shell.environment["FIRST"] = own
        desk = hybrid('"database"\nurl = "env:FIRST"')
        other = with_database(own, database_of(own) + "_b")
        for name, url in (("bolt", other), ("coil", own)):
            place = ("--isolation-strategy", "database", "--tenant-database-url", url)
            assert desk.run("tenants", "add", name, *place).code == 0
        assert f"of {database_of(own)}" in refused(desk).replace("/", " of ")
    finally:
        drop_database(own)


def test_a_tenant_in_the_schema_of_what_is_shared(hybrid: Callable[[str], Desk]):
    desk = hybrid('"shared"')
    place = ("--isolation-strategy", "schema", "--schema", "first")
    assert desk.run("tenants", "add", "bolt", *place).code == 0
    assert "in the table alembic_version of first" in refused(desk)


def test_a_version_table_that_depends_on_the_place(hybrid: Callable[[str], Desk]):
    desk = hybrid('"tenant"')
    for name in ("first", "tenants"):
        env = desk.folder / name / "env.py"
        choice = "'alembic_version' if x.get('tenant') == 'bolt' else '{name}_version'"
        env.write_text(
            "from alembic import context\n\nx = context.get_x_argument(as_dictionary=True)\n"
            + env.read_text().replace("()", f"(version_table={choice.format(name=name)})")
        )
    assert desk.run("upgrade", "--create").code == 0
    desk.sql("DROP SCHEMA tenant_acme CASCADE")
    assert desk.run("tenants", "add", "bolt", "--isolation-strategy", "rls").code == 0
    refused(desk)


def test_the_catalogue_is_read_once_and_no_server_asked(
    hybrid: Callable[[str], Desk], monkeypatch: pytest.MonkeyPatch
):
    desk = hybrid('"shard"')
    own_table(desk.folder, "first")
    monkeypatch.chdir(desk.folder)
    config = TenancyConfig(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    read = []

    def tenants(selection: Selection) -> list[Tenant]:
        read.append(selection)
        strategies = [s for s in IsolationStrategy if s is not IsolationStrategy.HYBRID]
        return [
            Tenant(id=str(n), identifier=f"t{n}", isolation_strategy=strategies[n % 3])
            for n in range(3000)
        ]

    refuse_shared_version_tables(open_tracks(config, tenants, open_isolation(config)), listed=True)
    assert read == [Selection()]
