"""`tenancy doctor`: each thing that can be wrong is found, and what to do is said."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli_desk import ENV, Desk
from fastapi_tenancy.cli.checking import server
from fastapi_tenancy.cli.checking.examine import examine
from fastapi_tenancy.cli.parameters import Where
from pooler import PROGRAM, pooled


@pytest.fixture
def well(fleet: Callable[..., Desk]) -> Desk:
    """A fleet of three at head, where nothing is wrong."""
    return fleet("acme", "bolt", "crux", at="0003")


def findings(desk: Desk, weight: str, code: int) -> dict[str, str]:
    """What is found of a weight: each finding with what to do."""
    document: dict[str, Any] = desk.json("doctor", code=code)
    assert document["fine"] is (code == 0)
    return {
        f"{f['check']}: {f['found']}": f["do"] or ""
        for f in document["findings"]
        if f["weight"] == weight
    }


def only(desk: Desk, weight: str = "action") -> tuple[str, str]:
    """The only finding of this weight."""
    found = findings(desk, weight, code=1 if weight == "action" else 0)
    assert len(found) == 1, found
    return next(iter(found.items()))


def test_all_is_well(well: Desk):
    done = well.run("doctor")
    assert done.code == 0, done
    assert "all is well" in done.out
    assert findings(well, "action", 0) == {}
    assert any("3 of 3 are at the head" in found for found in findings(well, "fine", 0))


def test_a_folder_without_a_project_cannot_be_examined(desk: Desk):
    (desk.folder / "alembic.ini").unlink()
    done = desk.run("doctor")
    assert done.code == 2
    assert "there is no project" in done.err


def test_settings_that_cannot_be_used(well: Desk):
    (well.folder / "tenancy.toml").write_text("concurency = 3\n")
    found, _ = only(well)
    assert "did you mean concurrency?" in found
    (well.folder / "tenancy.toml").write_text("concurrency = 3\n")
    (well.folder / "pyproject.toml").write_text("[tool.tenancy]\nconcurrency = 4\n")
    found, _ = only(well)
    assert "concurrency is '3' in tenancy.toml but '4'" in found


def test_a_misspelt_variable(well: Desk):
    well.shell.environment["TENANCY_CONCURENCY"] = "3"
    found, do = only(well)
    assert "TENANCY_CONCURENCY" in found
    assert do == "did you mean TENANCY_CONCURRENCY?"


def test_two_urls_that_differ(well: Desk):
    with (well.folder / "alembic.ini").open("a") as file:
        file.write("sqlalchemy.url = postgresql://app:secret@elsewhere/shop\n")
    found = [f for f in findings(well, "note", 0) if f.startswith("settings")]
    assert len(found) == 1
    assert "elsewhere" in found[0]
    assert "secret" not in found[0]


def test_no_database(well: Desk):
    del well.shell.environment["TENANCY_DATABASE_URL"]
    assert any("no database_url" in f for f in findings(well, "action", 1))


def test_a_server_that_does_not_answer(well: Desk):
    (well.folder / "tenancy.toml").write_text("connect_timeout_s = 2\n")
    catalogue = well.shell.environment["TENANCY_DATABASE_URL"]
    well.shell.environment["TENANCY_CATALOGUE_URL"] = catalogue
    well.shell.environment["TENANCY_DATABASE_URL"] = "postgresql://app:secret@nowhere.invalid/shop"
    found, _ = only(well)
    assert "connection: nowhere.invalid" in found
    assert "secret" not in found


def test_a_list_of_tenants_that_cannot_be_read(desk: Desk):
    found, _ = only(desk)
    assert "there is no list of tenants" in found


def test_several_heads(well: Desk):
    well.revision("0003b", "0002", "another way", "pass")
    found, do = only(well)
    assert found == "revisions: several heads: 0003, 0003b"
    assert "alembic merge heads" in do


def test_scripts_that_cannot_be_loaded(well: Desk):
    well.revision("0004", "nowhere", "lost", "pass")
    assert any("nowhere" in f for f in findings(well, "action", 1))


def test_one_version_table_for_all(well: Desk):
    text = ENV.replace("connection=connection)", "connection=connection, version_table_schema='x')")
    (well.folder / "migrations" / "env.py").write_text(text)
    assert "with one version table for all tenants" in only(well)[0]


def test_a_version_table_in_public(well: Desk):
    well.sql("CREATE TABLE alembic_version AS SELECT * FROM tenant_acme.alembic_version")
    notes = findings(well, "note", 0)
    found = next(f for f in notes if f.startswith("version tables"))
    assert "a version table in 'public' (0003), while tenants have schemas" in found
    well.sql("DROP TABLE tenant_bolt.alembic_version")
    assert len(findings(well, "action", 1)) == 2


def test_version_tables_that_are_wrong(well: Desk):
    well.sql("DROP TABLE tenant_acme.alembic_version")
    well.sql("UPDATE tenant_bolt.alembic_version SET version_num = 'ffff'")
    well.sql("INSERT INTO tenant_crux.alembic_version VALUES ('')")
    found = findings(well, "action", 1)
    assert len(found) == 3
    text = "\n".join(found)
    assert "tenant_acme: tables, but no version table" in text
    assert "tenant_bolt: at ffff, which the scripts do not know" in text
    assert "tenant_crux: alembic_version holds a row without a revision" in text


def test_tenants_that_have_nothing_yet_are_no_trouble(well: Desk):
    well.run("tenants", "add", "dune")
    well.run("tenants", "add", "echo")
    well.sql("CREATE SCHEMA tenant_echo")
    notes = [f for f in findings(well, "note", 0) if f.startswith("version")]
    assert len(notes) == 2


def test_tenants_that_claim_one_schema(well: Desk):
    well.sql(
        "INSERT INTO tenants (id, identifier, schema_name, created_at)"
        " VALUES ('x', 'xeno', 'tenant_acme', now()), ('y', 'yoyo', 'public', now())"
    )
    found = findings(well, "action", 1)
    assert "tenants: acme, xeno all claim tenant_acme" in found
    assert any("yoyo: the schema 'public' is shared by everybody" in f for f in found)


@pytest.fixture
def limited(well: Desk) -> Iterator[Desk]:
    """The fleet as seen by a role that may read the list of tenants and no more."""
    role = f"limited_{well.url.rpartition('/')[2][:20].partition('?')[0]}"
    well.sql(f"CREATE ROLE {role} LOGIN")
    well.sql(f"GRANT SELECT ON tenants TO {role}")
    before = well.shell.environment["TENANCY_DATABASE_URL"]
    user = well.sql("SELECT current_user")[0][0]
    well.shell.environment["TENANCY_DATABASE_URL"] = before.replace(f"//{user}@", f"//{role}@", 1)
    yield well
    well.sql(f"DROP OWNED BY {role}")
    well.sql(f"DROP ROLE {role}")


def test_a_role_that_may_not(limited: Desk):
    role = limited.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'limited_%'")[0][0]
    found = findings(limited, "action", 1)
    where = next(f for f in found if "may not create tables there" in f)
    assert "tenant_acme, tenant_bolt, tenant_crux" in where
    assert found[where].startswith("GRANT USAGE, CREATE ON SCHEMA")
    for name in ("acme", "bolt", "crux"):
        limited.sql(f"GRANT USAGE, CREATE ON SCHEMA tenant_{name} TO {role}")
    limited.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA tenant_acme TO {role}")
    found = findings(limited, "action", 1)
    assert any("some tables belong to others" in f for f in found)
    notes = findings(limited, "note", 1)
    assert any(do.startswith("GRANT CREATE ON DATABASE") for do in notes.values())


def test_more_connections_than_there_are(well: Desk):
    well.shell.environment["TENANCY_CONCURRENCY"] = "100000"
    found = findings(well, "action", 1)
    assert any("needs 100000 more connections" in f for f in found)


def test_more_objects_than_locks(well: Desk):
    room = "current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int"
    many = well.sql(f"SELECT {room} / 80 + 20")[0][0]
    for start in range(0, many, 200):
        numbers = range(start, min(start + 200, many))
        well.sql("".join(f"CREATE TABLE tenant_bolt.t{n} (id int PRIMARY KEY);" for n in numbers))
    well.shell.environment["TENANCY_CONCURRENCY"] = "40"
    found, do = only(well)
    assert "objects; 40 at once may lock" in found
    assert "raise max_locks_per_transaction to" in do


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is not installed")
def test_a_pooler_in_between(well: Desk):
    with pooled(well.url, size=2) as url:
        well.shell.environment["TENANCY_DATABASE_URL"] = url
        assert any("a pooler stands in between" in f for f in findings(well, "note", 0))


def test_databases_of_their_own(well: Desk):
    (well.folder / "tenancy.toml").write_text('isolation_strategy = "database"\n')
    well.sql("DELETE FROM tenants WHERE identifier = 'crux'")
    name = well.url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(well.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "own_{name}"'.encode())
    try:
        own = well.url.replace(name, f"own_{name}", 1)
        well.sql(f"UPDATE tenants SET database_url = '{own}' WHERE identifier = 'acme'")
        gone = well.url.replace(name, f"gone_{name}", 1)
        well.sql(f"UPDATE tenants SET database_url = '{gone}' WHERE identifier = 'bolt'")
        found, do = only(well)
        assert f"gone_{name}" in found
        assert "--create" in do
        well.sql("DELETE FROM tenants WHERE identifier = 'bolt'")
        assert any("1 database" in f and "1 databases" not in f for f in findings(well, "fine", 0))
    finally:
        with psycopg.connect(well.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "own_{name}"'.encode())


def test_sqlite_files(desk: Desk):
    place = desk.folder / "data"
    place.mkdir()
    desk.shell.environment["TENANCY_DATABASE_URL"] = f"sqlite:///{place}/tenancy.db"
    (desk.folder / "tenancy.toml").write_text('isolation_strategy = "database"\n')
    for name in ("acme", "bolt", "crux"):
        assert desk.run("tenants", "add", name).code == 0
    (place / "tenant_acme.db").write_text("a letter to grandmother" * 99)
    with closing(sqlite3.connect(place / "tenant_bolt.db")) as connection:
        connection.execute("CREATE TABLE mine (id)")
        connection.commit()
    found = findings(desk, "action", 1)
    assert len(found) == 2
    assert any("is not an SQLite database" in f for f in found)
    assert any("tenant_bolt.db: tables, but no version table" in f for f in found)


def test_a_large_fleet_is_read_in_chunks(
    well: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(server, "CHUNK", 2)
    monkeypatch.chdir(well.folder)
    monkeypatch.setenv("TENANCY_DATABASE_URL", well.url)
    well.sql("DROP TABLE tenant_crux.alembic_version")
    found = [f.found for f in examine(Where()) if f.check == "version tables"]
    assert found == ["tenant_crux: tables, but no version table"]


def test_nothing_is_changed(well: Desk, tmp_path: Path):
    seen = "SELECT count(*), max(oid) FROM pg_class"
    before = well.sql(seen)
    well.run("doctor")
    assert well.sql(seen) == before
