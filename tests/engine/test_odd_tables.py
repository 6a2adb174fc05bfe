"""Version tables that are not as they should be: one tenant's trouble, told by name, and mended."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.status import FleetStatus, read_standings, summarize
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Command
from project import ITEMS, Project, tenants
from snapshot import heads, query

Schemas = Callable[..., list[str]]
FLEET = [f"t{n}" for n in range(6)]


@pytest.fixture
def seeded(project: Project, schemas: Schemas) -> Project:
    """Tenants at r1, and a second revision."""
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET).require_success()
    project.revision(
        "r2",
        "r1",
        'op.add_column("items", sa.Column("size", sa.Integer))',
        'op.drop_column("items", "size")',
    )
    return project


def status(project: Project) -> FleetStatus:
    history = History(project.ini)
    options = RunOptions()
    return summarize(history, read_standings(history, project.isolation(), options, tenants(FLEET)))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER TABLE {t} ALTER version_num DROP NOT NULL; INSERT INTO {t} VALUES (NULL)", "row"),
        ("INSERT INTO {t} VALUES ('')", "a row without a revision"),
        ("ALTER TABLE {t} RENAME version_num TO v", 'column "version_num" does not exist'),
        ("INSERT INTO {t} VALUES ('r1')", "holds revision r1 more than once"),
        ("ALTER TABLE {t} RENAME TO o; CREATE VIEW {t} AS SELECT * FROM t3.o", "is not a table"),
    ],
)
def test_one_that_cannot_be_read_is_one_failing_tenant(
    seeded: Project, sql: str, told: str
) -> None:
    query(seeded.url, "ALTER TABLE t3.alembic_version DROP CONSTRAINT alembic_version_pkc")
    query(seeded.url, sql.format(t="t3.alembic_version").replace("RENAME TO t3.o", "RENAME TO o"))
    found = status(seeded)
    assert (found.total, found.behind, found.refused) == (6, 5, 1)
    done = seeded.run(FLEET)
    assert done.kinds == {n: "failed" if n == "t3" else "migrated" for n in FLEET}
    assert told in str(done.outcome("t3").error)


def test_one_that_may_not_be_read(seeded: Project) -> None:
    role = "plain_" + query(seeded.url, "SELECT md5(random()::text)")[0][0][:8]  # type: ignore[index]
    query(seeded.url, f"CREATE ROLE {role} LOGIN")
    try:
        for name in FLEET:
            query(seeded.url, f"GRANT ALL ON SCHEMA {name} TO {role}")
            query(seeded.url, f"GRANT ALL ON ALL TABLES IN SCHEMA {name} TO {role}")
        query(seeded.url, f"REVOKE ALL ON t3.alembic_version FROM {role}")
        seeded.url = seeded.url.replace("//postgres@", f"//{role}@")
        found = status(seeded)
    finally:
        seeded.url = seeded.url.replace(f"//{role}@", "//postgres@")
        query(seeded.url, f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert (found.total, found.behind, found.refused) == (6, 5, 1)


def test_one_that_is_locked_is_waited_for_but_not_for_ever(
    seeded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi_tenancy.observe.positions.WAIT_MS", 100)
    with psycopg.connect(seeded.url) as connection:
        connection.execute("LOCK TABLE t3.alembic_version IN ACCESS EXCLUSIVE MODE")
        timer = threading.Timer(30, connection.rollback)
        timer.start()
        done = seeded.run(FLEET)
        timer.cancel()
    assert done.kinds == {n: "failed" if n == "t3" else "migrated" for n in FLEET}
    assert "keeps alembic_version locked" in str(done.outcome("t3").error)


def test_two_rows_of_one_branch_are_told_and_mended_by_a_stamp(seeded: Project) -> None:
    seeded.run(FLEET).require_success()
    query(seeded.url, "INSERT INTO t3.alembic_version VALUES ('r1')")
    for command, revision in ((Command.UPGRADE, "head"), (Command.DOWNGRADE, "r1")):
        error = str(seeded.run(["t3"], revision, command).outcome("t3").error)
        assert "holds r1 and r2, but r1 lies on the way to another" in error
    seeded.run(["t3"], "r2", Command.STAMP).require_success()
    assert heads(seeded.url, "t3") == {"r2"}


@pytest.mark.parametrize(("revision", "expected"), [("r1", {"r1"}), ("base", set())])
def test_an_unknown_revision_is_mended_by_a_stamp(
    seeded: Project, revision: str, expected: set[str]
) -> None:
    query(seeded.url, "UPDATE t3.alembic_version SET version_num = 'zzz'")
    assert "zzz" in str(seeded.run(["t3"]).outcome("t3").error)
    seeded.run(["t3"], revision, Command.STAMP).require_success()
    assert heads(seeded.url, "t3") == expected


def test_a_revision_left_half_done_is_finished_before_anything_else(seeded: Project) -> None:
    broken = """
    op.add_column("items", sa.Column("kind", sa.Integer))
    with op.get_context().autocommit_block():
        op.create_index("ix_kind", "items", ["kind"], postgresql_concurrently=True)
    {}
    """
    seeded.run(FLEET).require_success()
    seeded.revision("r3", "r2", broken.format('op.execute("SELECT 1 / 0")'))
    assert set(seeded.run(FLEET[:3], "r3").kinds.values()) == {"failed"}
    assert status(seeded).half_done == 3
    for command, revision in ((Command.DOWNGRADE, "r1"), (Command.UPGRADE, "r2")):
        done = seeded.run(FLEET[:3], revision, command)
        assert set(done.kinds.values()) == {"failed"}
        assert "left revision r3 half done here" in str(done.outcome("t0").error)
    seeded.revisions.pop()
    seeded.revision("r3", "r2", broken.format(""))
    seeded.run(FLEET, "r3").require_success()
    assert status(seeded).half_done == 0
