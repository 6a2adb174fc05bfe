"""`alembic -x dry_run=true`: everything is run, nothing is kept, and it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from helped import Helped
from snapshot import snapshot

CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix", "items", ["name"], postgresql_concurrently=True)
"""
LEAVING = {
    "autocommit_block": CONCURRENTLY,
    "commit": "op.get_bind().commit()",
    "sql": 'op.execute("COMMIT")',
    "second connection": """
with op.get_bind().engine.connect() as other:
    other.execute(sa.text("CREATE TABLE made (id int)"))
    other.commit()
""",
    "autocommit connection": """
with op.get_bind().engine.connect() as other:
    other.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("SELECT 1"))
""",
}


@pytest.mark.parametrize("typed", ["true", "True", "1", "yes"])
def test_everything_is_run_and_rolled_back(fleet: Helped, typed: str):
    before = snapshot(fleet.url)
    ended = fleet.alembic(f"-x dry_run={typed} -x tenant=acme upgrade head")
    assert ended.code == 0
    assert "Running upgrade r2 -> r3" in ended.err
    assert "rolled back, nothing was changed" in ended.out
    assert snapshot(fleet.url) == before


def test_down_too(fleet: Helped):
    fleet.done("alembic -x tenant=acme upgrade head")
    before = snapshot(fleet.url)
    assert "rolled back" in fleet.done("alembic -x dry_run=true -x tenant=acme downgrade base")
    assert snapshot(fleet.url) == before
    assert "rolled back" not in fleet.done("alembic -x dry_run=no -x tenant=acme downgrade base")
    assert fleet.stands() == {"tenant_acme": ""}


def test_a_revision_that_fails_is_seen_and_nothing_is_left(fleet: Helped):
    fleet.revision("r4", "r3", 'op.execute("SELECT 1 / 0")')
    before = snapshot(fleet.url)
    assert fleet.alembic("-x dry_run=true -x tenant=acme upgrade head").code != 0
    assert snapshot(fleet.url) == before


@pytest.mark.parametrize("how", LEAVING)
def test_what_could_not_be_taken_back_is_not_done(fleet: Helped, how: str):
    fleet.revision("r4", "r3", LEAVING[how])
    before = snapshot(fleet.url)
    said = fleet.refused("-x dry_run=true -x tenant=acme upgrade head")
    assert "could not be taken back. Everything was rolled back and nothing was changed" in said
    assert snapshot(fleet.url) == before


def test_transactions_of_each_revision_are_one_here(fleet: Helped):
    fleet.env(", transaction_per_migration=True")
    before = snapshot(fleet.url)
    fleet.done("alembic -x dry_run=true -x tenant=acme upgrade head")
    assert snapshot(fleet.url) == before


def test_what_is_neither_yes_nor_no_is_refused(fleet: Helped):
    assert "neither yes nor no" in fleet.refused("-x dry_run=perhaps -x tenant=acme upgrade head")
    assert fleet.stands() == {}


def test_a_fleet_run_does_not_take_it_for_a_dry_run_of_its_own(fleet: Helped):
    done = fleet.tenancy("upgrade -x dry_run=true")
    assert done.code == 2
    assert "`tenancy upgrade --dry-run` prints the plan" in done.err
    assert fleet.stands() == {}


def test_an_sqlite_file_is_left_as_it_was(helped: Helped, tmp_path: Path):
    file = tmp_path / "one.db"
    where = f"-x url=sqlite:///{file} -x tenant=acme"
    helped.revision("r3", "r2")
    helped.done(f"alembic {where} upgrade r1")
    before = file.read_bytes()
    assert "rolled back" in helped.done(f"alembic {where} -x dry_run=true upgrade head")
    assert "(head)" not in helped.done(f"alembic {where} current")
    assert file.read_bytes() == before
