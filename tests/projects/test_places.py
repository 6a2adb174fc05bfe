"""The helper with every strategy: databases, SQLite files, shared tables, a mix, and through a pooler."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

from fastapi_tenancy.testing.databases import create_database, drop_database
from helped import Helped
from pooler import PROGRAM, pooled
from snapshot import snapshot

CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix", "items", ["name"], postgresql_concurrently=True)
"""


@pytest.fixture
def databases(helped: Helped) -> Iterator[Helped]:
    """Two tenants with a database each."""
    _settings(helped, 'isolation_strategy = "database"')
    made = [create_database(helped.url) for _ in range(2)]
    for name, url in zip(("acme", "bolt"), made, strict=True):
        helped.add(name)
        helped.sql(f"UPDATE tenants SET database_url = '{url}' WHERE identifier = '{name}'")
    helped.sql("CREATE TABLE untouched (id int)")
    yield helped
    for url in made:
        drop_database(url)


def _settings(project: Helped, more: str) -> None:
    (project.folder / "tenancy.toml").write_text(f'database_url = "{project.url}"\n{more}\n')


def _urls(project: Helped) -> list[str]:
    return [str(u) for (u,) in project.sql("SELECT database_url FROM tenants ORDER BY identifier")]


def test_a_database_of_its_own(databases: Helped):
    acme, bolt = _urls(databases)
    databases.done("alembic -x tenant=acme upgrade head")
    databases.done("tenancy upgrade --tenant bolt")
    assert snapshot(acme).structures == snapshot(bolt).structures
    assert databases.stands() == {}
    assert "No new upgrade operations" in databases.done("alembic check")
    databases.done(f"alembic -x tenant=acme -x 'url={acme}' downgrade r1")
    databases.done(f"alembic -x 'url={bolt}' downgrade r1")
    databases.done(f"alembic -x 'url={bolt}' upgrade r3")
    with psycopg.connect(bolt) as connection:
        assert connection.execute("SELECT DISTINCT note FROM items").fetchall() == [("bolt",)]
    databases.done("alembic -x tenant=bolt downgrade r1")
    assert snapshot(acme).structures == snapshot(bolt).structures
    assert "which tenant is meant" in databases.refused("upgrade head")
    databases.done("tenancy upgrade")
    script = databases.done("alembic -x tenant=acme upgrade head:r3 --sql")
    assert script.startswith("-- database ")
    assert "search_path" not in script


def test_the_database_of_everybody_is_no_tenants(databases: Helped):
    assert "say which tenant is meant" in databases.refused(
        f"-x 'url={databases.url}' upgrade head"
    )
    assert databases.stands() == {}


def test_shared_tables_need_no_name(helped: Helped):
    _settings(helped, 'isolation_strategy = "rls"')
    helped.revision("r3", "r2")
    helped.add("acme", "bolt")
    helped.done("alembic upgrade r1")
    helped.done("alembic -x tenant=acme upgrade r2")
    assert helped.stands() == {"public": "r2"}
    assert "2 migrated" in helped.done("tenancy upgrade")
    assert "r3 (head)" in helped.done("alembic current")
    helped.done("alembic downgrade base")
    assert helped.stands() == {"public": ""}


def test_a_mix(databases: Helped):
    _settings(databases, 'isolation_strategy = "hybrid"\npremium_tenants = ["acme"]')
    databases.sql("UPDATE tenants SET database_url = NULL WHERE identifier = 'bolt'")
    databases.sql("CREATE SCHEMA tenant_bolt")
    acme = _urls(databases)[0]
    for identifier in ("acme", "bolt"):
        databases.done(f"alembic -x tenant={identifier} upgrade head")
    assert databases.stands() == {"tenant_bolt": "r3"}
    with psycopg.connect(acme) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r3",)]
        assert connection.execute("SELECT DISTINCT note FROM items").fetchall() == [("acme",)]
    assert "2 already there" in databases.done("tenancy upgrade")


@pytest.fixture
def files(helped: Helped, tmp_path: Path) -> Helped:
    """Two tenants with an SQLite file each, which are there and empty."""
    place = tmp_path / "files"
    place.mkdir()
    (helped.folder / "tenancy.toml").write_text(
        f'database_url = "sqlite:///{place}/tenancy.db"\nisolation_strategy = "database"\n'
    )
    helped.add("acme", "bolt")
    for name in ("acme", "bolt"):
        (place / f"tenant_{name}.db").touch()
    return helped


def test_an_sqlite_file(files: Helped, tmp_path: Path):
    files.done("alembic -x tenant=acme upgrade head")
    engine = create_engine(f"sqlite:///{tmp_path}/files/tenant_acme.db")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [
            ("r3",)
        ]
        assert connection.execute(text("SELECT DISTINCT note FROM items")).all() == [("acme",)]
    files.done("alembic -x tenant=acme downgrade r1")
    assert [c["name"] for c in inspect(engine).get_columns("items")] == ["id", "name"]
    engine.dispose()
    assert (tmp_path / "files" / "tenant_bolt.db").stat().st_size == 0


@pytest.mark.parametrize("engine", ["auto", "env"])
def test_files_are_left_alike_by_both(files: Helped, tmp_path: Path, engine: str):
    moves = (("upgrade", "r2"), ("upgrade", "head"), ("downgrade", "r1"), ("upgrade", "head"))
    for number, (move, revision) in enumerate(moves):
        one, other = ("acme", "bolt")[:: 1 if number % 2 else -1]
        files.done(f"alembic -x tenant={one} {move} {revision}")
        files.done(f"tenancy {move} {revision} --tenant {other} --engine {engine}")
        acme, bolt = (_dumped(tmp_path / "files" / f"tenant_{x}.db") for x in ("acme", "bolt"))
        assert [x.replace("acme", "bolt") for x in acme] == bolt


def _dumped(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_a_failing_revision_leaves_an_sqlite_file_at_a_revision(files: Helped, tmp_path: Path):
    files.revision("r2", "r1", 'op.execute("CREATE TABLE half (id)"); op.execute("nonsense")')
    assert files.alembic("-x tenant=acme upgrade head").code != 0
    engine = create_engine(f"sqlite:///{tmp_path}/files/tenant_acme.db")
    assert inspect(engine).get_table_names() == ["alembic_version", "items"]
    engine.dispose()
    assert "r1" in files.done("alembic -x tenant=acme current")


def test_a_missing_file_is_not_made_silently(files: Helped, tmp_path: Path):
    (tmp_path / "files" / "tenant_bolt.db").unlink()
    said = files.refused("-x tenant=bolt upgrade head")
    assert "does not exist; `tenancy upgrade --create --tenant bolt`" in said
    assert not (tmp_path / "files" / "tenant_bolt.db").exists()


def test_a_file_that_is_no_database_is_told(files: Helped, tmp_path: Path):
    (tmp_path / "files" / "tenant_bolt.db").write_text("a letter to grandmother" * 99)
    assert "is not a database" in files.refused("-x tenant=bolt upgrade head")


def test_autogenerate_for_sqlite_writes_batches(files: Helped):
    files.revision("r3", "r2")
    files.done("alembic -x tenant=acme upgrade head")
    models = files.folder / "models.py"
    models.write_text(models.read_text().replace('"note"', '"remark"'))
    files.done("alembic -x tenant=acme revision --autogenerate -m remark --rev-id r4")
    path = files.folder / "alembic" / "versions" / "r4_remark.py"
    assert "batch_alter_table('items'" in path.read_text()
    files.done("alembic -x tenant=acme upgrade head")


@pytest.mark.skipif(PROGRAM is None and "CI" not in os.environ, reason="PgBouncer is not installed")
def test_through_a_pooler(fleet: Helped):
    fleet.revision("r4", "r3", CONCURRENTLY)
    with pooled(fleet.url, size=2) as url:
        (fleet.folder / "tenancy.toml").write_text(f'database_url = "{url}"\n')
        fleet.env(", transaction_per_migration=True")
        fleet.done("alembic -x tenant=acme upgrade r3")
        said = fleet.refused("-x tenant=acme upgrade head")
        assert "a pooler stands between here and the server" in said
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            paths = {connection.execute("SHOW search_path").fetchone() for _ in range(9)}
        assert paths == {('"$user", public',)}
        fleet.done("tenancy upgrade --tenant acme")
    assert fleet.stands() == {"tenant_acme": "r4"}
