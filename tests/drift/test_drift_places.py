"""`tenancy drift` on databases, shared tables, SQLite files, several servers and several tracks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli_desk import Desk
from cli_process import Shell
from fastapi_tenancy.testing.databases import create_database, drop_database
from helped import Helped
from several import ini, located, revision, scripts, shop

WHOSE = 'op.execute("CREATE SCHEMA billing CREATE TABLE bills (id int)")'


def drift(project: Helped, *arguments: str, code: int) -> dict[str, Any]:
    done = project.tenancy(" ".join(("drift", "--json", *arguments)))
    assert done.code == code, (done.out, done.err)
    document: dict[str, Any] = json.loads(done.out)
    assert document["clean"] is (code == 0)
    return document


def names(position: dict[str, Any]) -> list[set[tuple[str, str]]]:
    return [{(c["change"], c["name"]) for c in v["changes"]} for v in position["variants"]]


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_database_each(tmp_path: Path, tenancy_database: str, tenancy_postgres: str):
    settings = 'isolation_strategy = "database"'
    project = Helped.made(tmp_path / "project", tenancy_database, settings)
    project.revision("r4", "r3", WHOSE, 'op.execute("DROP SCHEMA billing CASCADE")')
    urls = [create_database(tenancy_postgres) for _ in range(3)]
    try:
        for url, tenant in zip(urls, ("acme", "bolt", "coil"), strict=True):
            project.done(f"tenancy tenants add {tenant} --tenant-database-url '{url}'")
        project.done("tenancy upgrade")
        assert drift(project, code=0)["positions"][0]["identical"] == 3
        run_sql(urls[0], "ALTER TABLE items ADD by_hand int")
        run_sql(urls[1], "ALTER TABLE billing.bills ADD sum int")
        (found,) = drift(project, code=1)["positions"]
        assert (found["kind"], found["identical"]) == ("database", 1)
        assert names(found) == [{("added", "items.by_hand")}, {("added", "billing.bills.sum")}]
    finally:
        for url in urls:
            drop_database(url)


def test_shared_tables(tmp_path: Path, tenancy_database: str):
    settings = 'isolation_strategy = "rls"\nrls_role = "pg_monitor"'
    project = Helped.made(tmp_path / "project", tenancy_database, settings)
    project.add("acme", "bolt")
    project.done("tenancy upgrade")
    (found,) = drift(project, code=0)["positions"]
    assert (found["kind"], found["identical"]) == ("shared database", 2)
    project.sql("ALTER TABLE items ADD by_hand int")
    (found,) = drift(project, code=1)["positions"]
    assert found["variants"][0]["tenants"] == ["acme", "bolt"]
    assert names(found) == [{("added", "items.by_hand")}]


@pytest.fixture
def files(tmp_path: Path) -> Helped:
    """Tenants with an SQLite file each."""
    url = f"sqlite:///{tmp_path}/common.db"
    project = Helped.made(tmp_path / "project", url, 'isolation_strategy = "database"')
    checked = 'op.execute("CREATE TABLE c (a TEXT CHECK (length(a) > 2), b INT REFERENCES items)")'
    project.revision("r3", "r2", f"{checked}\nop.create_index('ix', 'c', ['a', 'b'])")
    project.add("acme", "bolt", "coil")
    project.done("tenancy upgrade --create")
    return project


def _file(project: Helped, tenant: str) -> Path:
    shown = json.loads(project.done(f"tenancy tenants show {tenant} --json"))
    return Path(shown["target"].removeprefix("sqlite:///"))


def test_a_column_added_by_hand_to_a_file(files: Helped):
    assert drift(files, code=0)["positions"][0]["identical"] == 3
    with sqlite3.connect(_file(files, "bolt")) as raw:
        raw.execute("ALTER TABLE items ADD by_hand INT")
    raw.close()
    (found,) = drift(files, code=1)["positions"]
    assert (found["kind"], found["identical"]) == ("file", 2)
    assert found["variants"][0]["tenants"] == ["bolt"]
    assert names(found) == [{("added", "items.by_hand")}]


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("CREATE TABLE c (a TEXT CHECK (length(a) > 3), b INT REFERENCES items)", "c.check 1"),
        ("CREATE TABLE c (a TEXT CHECK (length(a) > 2), b INT)", "c.(b) to items"),
        ("CREATE TABLE c (a TEXT CHECK (length(a) > 2), b TEXT REFERENCES items)", "c.b"),
    ],
)
def test_what_else_a_file_may_differ_in(files: Helped, statement: str, changed: str):
    with sqlite3.connect(_file(files, "acme")) as raw:
        raw.executescript(f"DROP TABLE c; {statement}; CREATE INDEX ix ON c (a, b)")
    raw.close()
    (found,) = drift(files, code=1)["positions"]
    assert [{name for _, name in variant} for variant in names(found)] == [{changed}]


def test_how_a_file_was_written_does_not_count(files: Helped):
    with sqlite3.connect(_file(files, "acme")) as raw:
        raw.executescript(
            'DROP TABLE c; create table [c]("a" text check(length(a)>2) /* so */,\n'
            " b int references items); CREATE INDEX ix ON c(a, b)"
        )
    raw.close()
    assert drift(files, code=0)["positions"][0]["identical"] == 3


def test_a_file_that_is_locked(files: Helped):
    raw = sqlite3.connect(_file(files, "acme"), isolation_level=None)
    raw.execute("BEGIN EXCLUSIVE")
    try:
        document = drift(files, code=1)
    finally:
        raw.close()
    assert document["positions"][0]["identical"] == 2
    assert "locked" in document["not_compared"][0]["reason"]


@pytest.fixture
def tracks(tmp_path: Path, tenancy_database: str) -> Desk:
    """Two apps whose tables are in the schema of each tenant, and what all share."""
    folder = tmp_path / "project"
    folder.mkdir()
    shop(folder)
    sections = ("shared", "tenants", "app")
    ini(folder / "alembic.ini", {name: located(name) for name in sections})
    with (folder / "tenancy.toml").open("a") as file:
        file.write('[tracks.app]\nscope = "tenant"\nalembic_section = "app"\n')
    app = scripts(folder / "app", 'version_table="app_version"')
    revision(app, "a1", None, 'op.create_table("app_things", sa.Column("id", sa.Integer))')
    environment = {"TENANCY_DATABASE_URL": tenancy_database}
    desk = Desk(folder, tenancy_database, Shell(folder, environment))
    for identifier in ("acme", "bolt"):
        assert desk.run("tenants", "add", identifier).code == 0
    done = desk.run("upgrade", "--create")
    assert done.code == 0, done
    return desk


def test_tracks_leave_each_others_tables_alone(tracks: Desk):
    document = tracks.json("drift")
    found = {t["track"]: t["positions"][0] for t in document["tracks"]}
    assert {name: one["identical"] for name, one in found.items()} == {
        "shared": 1,
        "tenants": 2,
        "app": 2,
    }
    tracks.sql("ALTER TABLE tenant_acme.app_things ADD by_hand int")
    document = tracks.json("drift", code=1)
    assert {t["track"]: t["clean"] for t in document["tracks"]} == {
        "shared": True,
        "tenants": True,
        "app": False,
    }
    done = tracks.run("drift", "--track", "tenants")
    assert (done.code, done.out) == (0, "tenants: at t1: 2 identical\n")


def test_a_shared_track_that_drifted(tracks: Desk):
    tracks.sql("ALTER TABLE shared.companies ADD by_hand int")
    document = tracks.json("drift", "--track", "shared", code=1)
    (variant,) = document["tracks"][0]["positions"][0]["variants"]
    assert [c["name"] for c in variant["changes"]] == ["companies.by_hand"]


def test_a_shared_track_in_public_beside_the_list_of_tenants(tmp_path: Path, tenancy_database: str):
    folder = tmp_path / "project"
    folder.mkdir()
    ini(folder / "alembic.ini", {name: located(name) for name in ("shared", "tenants")})
    (folder / "tenancy.toml").write_text(
        '[tracks.shared]\nscope = "shared"\nalembic_section = "shared"\nschema_name = "public"\n'
        '[tracks.tenants]\nscope = "tenant"\nalembic_section = "tenants"\nafter = ["shared"]\n'
    )
    for name in ("shared", "tenants"):
        made = f'op.create_table("of_{name}", sa.Column("id", sa.Integer))'
        revision(scripts(folder / name), f"{name}1", None, made)
    desk = Desk(folder, tenancy_database, Shell(folder, {"TENANCY_DATABASE_URL": tenancy_database}))
    assert desk.run("tenants", "add", "acme").code == 0
    assert desk.run("upgrade", "--create").code == 0
    desk.json("drift", code=0)
    desk.sql("ALTER TABLE public.of_shared ADD by_hand int")
    assert [t["clean"] for t in desk.json("drift", code=1)["tracks"]] == [False, True]


def test_several_servers(tmp_path: Path, tenancy_database: str, tenancy_postgres: str):
    other = create_database(tenancy_postgres)
    try:
        settings = f'[shards.here]\nurl = "{tenancy_database}"\n[shards.far]\nurl = "{other}"'
        project = Helped.made(tmp_path / "project", tenancy_database, settings)
        project.done("tenancy tenants add acme --shard here")
        project.done("tenancy tenants add bolt --shard far")
        project.done("tenancy upgrade --create")
        assert drift(project, code=0)["positions"][0]["identical"] == 2
        run_sql(other, "ALTER TABLE tenant_bolt.items ADD by_hand int")
        (found,) = drift(project, code=1)["positions"]
        assert found["variants"][0]["tenants"] == ["bolt"]
    finally:
        drop_database(other)


def test_a_server_that_is_down_is_not_clean(tmp_path: Path, tenancy_database: str):
    down = "postgresql://app:hush@127.0.0.1:1/nowhere"
    settings = f'[shards.here]\nurl = "{tenancy_database}"\n[shards.far]\nurl = "{down}"'
    project = Helped.made(tmp_path / "project", tenancy_database, settings)
    project.done("tenancy tenants add acme --shard here")
    project.done("tenancy tenants add bolt --shard far")
    project.done("tenancy upgrade --create --tenant acme")
    document = drift(project, code=1)
    assert document["positions"][0]["identical"] == 1
    (unread,) = document["not_compared"]
    assert unread["tenants"] == ["bolt"]
    assert "127.0.0.1" in unread["reason"]
    shown = project.tenancy("drift")
    assert "hush" not in json.dumps(document) + shown.out + shown.err


def test_a_mix_of_strategies(tmp_path: Path, tenancy_database: str):
    settings = (
        'isolation_strategy = "hybrid"\nstandard_isolation_strategy = "rls"\n'
        'rls_role = "pg_monitor"'
    )
    project = Helped.made(tmp_path / "project", tenancy_database, settings)
    project.add("acme", "bolt")
    project.done("tenancy tenants add coil --isolation-strategy schema")
    project.done("tenancy upgrade --create")
    found = {p["kind"]: p for p in drift(project, code=0)["positions"]}
    assert {kind: p["identical"] for kind, p in found.items()} == {
        "shared database": 2,
        "schema": 1,
    }
    project.sql("ALTER TABLE tenant_coil.items ADD by_hand int")
    found = {p["kind"]: p for p in drift(project, code=1)["positions"]}
    assert [p["drifted"] for _, p in sorted(found.items())] == [1, 0]
    assert "at r3 in schemas: 0 identical; 1 in 1 variant" in project.tenancy("drift").out


def test_a_role_that_may_make_no_schema(tmp_path: Path, tenancy_database: str):
    project = Helped.made(tmp_path / "project", tenancy_database)
    project.add("acme", "bolt")
    project.done("tenancy upgrade --create")
    role = f"modest_{uuid4().hex[:12]}"
    project.sql(f"CREATE ROLE {role} LOGIN; GRANT ALL ON tenants TO {role};")
    for tenant in ("acme", "bolt"):
        project.sql(
            f"GRANT USAGE ON SCHEMA tenant_{tenant} TO {role};"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA tenant_{tenant} TO {role}"
        )
    user = psycopg.conninfo.conninfo_to_dict(tenancy_database)["user"]
    toml = project.folder / "tenancy.toml"
    toml.write_text(toml.read_text().replace(f"//{user}@", f"//{role}@"))
    try:
        (found,) = drift(project, code=1)["positions"]
        assert (found["identical"], found["compared_with"]) == (2, "unknown")
        assert f"the role {role} may not make a scratch schema" in found["reason"]
        assert "Give it CREATE on the database" in found["reason"]
        assert "--tenant" not in found["reason"]
    finally:
        project.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
