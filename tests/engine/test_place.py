"""Nothing outside of the target changes, and what does is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.model.plan import Command, Engine
from project import ITEMS, Project
from snapshot import Snapshot, query, snapshot

Schemas = Callable[..., list[str]]

EVERY_ROAD = """
op.add_column("items", sa.Column("size", sa.Integer))
op.execute(f"UPDATE items SET note = '{uuid4()}'")
op.get_bind().execute(sa.text("UPDATE items SET size = :n"), {"n": 3})
with op.get_context().autocommit_block():
    op.create_index("ix_size", "items", ["size"], postgresql_concurrently=True)
"""


@pytest.fixture
def neighbours(project: Project, schemas: Schemas) -> Project:
    """Tenants with rows; ``other`` is not in the fleet, and ``public`` has tables of their names."""
    project.revision("r1", None, ITEMS)
    schemas("a1", "a2", "a3", "a4", "other")
    project.run(["a1", "a2", "a3", "a4", "other"]).require_success()
    query(project.url, "CREATE TABLE public.items AS SELECT * FROM other.items")
    query(project.url, "CREATE TABLE public.alembic_version AS SELECT * FROM other.alembic_version")
    return project


def outside(found: Snapshot, *inside: str) -> tuple[object, ...]:
    """What stands in all schemas but the fleet's."""
    return (
        {s: v for s, v in found.structures.items() if s not in inside},
        {t: v for t, v in found.rows.items() if not t.startswith(tuple(f'"{s}".' for s in inside))},
    )


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
def test_neighbours_and_public_are_left_alone(neighbours: Project, engine: Engine) -> None:
    before = snapshot(neighbours.url)
    fleet = ("a1", "a2", "a3", "a4")
    neighbours.revision(
        "r2", "r1", EVERY_ROAD, 'op.drop_column("items", "size")', top="from uuid import uuid4"
    )
    neighbours.revision(
        "r3", "r2", "op.execute(\"INSERT INTO items (name) VALUES ('four')\")", "op.drop_table('x')"
    )
    neighbours.run(fleet, engine=engine).require_success()
    neighbours.run(["a1"], "r1", Command.DOWNGRADE)  # fails: there is no table x
    neighbours.run(["a1"], "r1", Command.STAMP).require_success()
    after = snapshot(neighbours.url)
    assert outside(after, *fleet) == outside(before, *fleet)
    assert outside(after) != outside(before)


@pytest.mark.parametrize(
    "writes",
    ["op.create_table('found', sa.Column('id', sa.Integer), schema='public')"],
)
def test_a_revision_that_writes_into_public_is_told_of(neighbours: Project, writes: str) -> None:
    neighbours.revision(
        "r2",
        "r1",
        f"if current_tenant().identifier == 'a2':\n    {writes}",
        top="from fastapi_tenancy.migrations.current import current_tenant",
    )
    done = neighbours.run(["a1", "a2", "a3", "a4"])
    (difference,) = [d for d in done.report.differences if d.subject == "schema public"]
    assert "found" in difference.message
    assert not difference.settled
