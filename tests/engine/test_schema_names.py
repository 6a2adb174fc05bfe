"""Schemas of any name PostgreSQL allows; those it does not, and those that are not a tenant's."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import Tenant
from project import ITEMS, Project
from same import both_roads
from snapshot import heads, query

EVIL = [
    'with "quotes"',
    "it's",
    "a b  c",
    "Grüße, 世界",
    "semi;colon--",
    "back\\slash",
    "%s %(x)s %%",
    "UPPER",
    "$users",
    "line\nbreak",
    "dot.ted",
    "x" * 63,
    "ü" * 31,
    "select",
    "{brace} :colon",
    "tab\there",
    "0digit",
    "pgish",
]
REFUSED = {
    "": "empty",
    "nul\x00": "NUL",
    "x" * 64: "64 bytes",
    "ü" * 32: "64 bytes",
    "pg_toast": "reserved by PostgreSQL",
    "pg_anything": "reserved by PostgreSQL",
    "information_schema": "reserved by PostgreSQL",
    "$user": "schema of the role",
    "public": "shared by everybody",
}
AROUND = """
with op.get_context().autocommit_block():
    op.create_index("ix_name", "items", ["name"], postgresql_concurrently=True)
    op.create_index("ix_lower", "items", [sa.text("lower(name)")], postgresql_concurrently=True)
"""


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_evil_names(project: Project, engine: Engine) -> None:
    project.revision("r1", None, ITEMS, "op.drop_table('items')")
    project.revision("r2", "r1", AROUND, "op.drop_index('ix_name')\nop.drop_index('ix_lower')")
    project.revision(
        "r3",
        "r2",
        "op.get_bind().execute(sa.text('UPDATE items SET note = :n'), {'n': 'live'})",
    )
    with psycopg.connect(project.url, autocommit=True) as connection:
        for name in EVIL:
            connection.execute(f"CREATE SCHEMA {quote(name)}".encode())

    done = project.run(EVIL, engine=engine).require_success()

    assert len(done.report.outcomes) == len(EVIL)
    for name in EVIL:
        assert heads(project.url, name) == {"r3"}
        at = [("items",), ("ix_lower",), ("ix_name",)]
        found = query(
            project.url,
            "SELECT relname FROM pg_class WHERE relname IN ('items', 'ix_name', 'ix_lower') AND"
            f" relnamespace = {_literal(name)}::regnamespace ORDER BY 1",
        )
        assert found == at
    project.run(EVIL, "base", Command.DOWNGRADE, engine=engine).require_success()
    assert query(project.url, "SELECT relname FROM pg_class WHERE relname = 'items'") == []


def _literal(name: str) -> str:
    text = quote(name).replace("'", "''")
    return "E'" + text.replace("\\", "\\\\") + "'"


def test_evil_names_end_as_under_plain_alembic(project: Project, copied: Callable[[], str]) -> None:
    project.revision("r1", None, ITEMS)
    project.run(EVIL, "r1").require_success()
    project.revision("r2", "r1", AROUND)
    both_roads(project, copied, EVIL[:8])


def test_created_with_the_first_revision(project: Project) -> None:
    project.revision("r1", None, ITEMS)
    project.run(EVIL, create=True).require_success()
    for name in EVIL:
        assert heads(project.url, name) == {"r1"}


@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_refused_names(project: Project, schemas: Callable[..., list[str]], name: str) -> None:
    project.revision("r1", None, ITEMS)
    schemas("good")
    fleet = [
        Tenant(id="bad", identifier="bad", schema_name=name),
        Tenant(id="good", identifier="good", schema_name="good"),
    ]
    done = project.run(fleet)
    assert done.kinds == {"bad": "failed", "good": "migrated"}
    assert REFUSED[name] in (done.outcome("bad").error or "")
    assert query(project.url, "SELECT schemaname FROM pg_tables WHERE tablename = 'items'") == [
        ("good",)
    ]
