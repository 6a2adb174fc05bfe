"""`alembic --sql`: a script that goes to the tenant by itself."""

from __future__ import annotations

import psycopg
import pytest

from helped import Helped
from snapshot import snapshot

CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix", "items", ["name"], postgresql_concurrently=True)
op.execute("INSERT INTO items (name) VALUES ('100%')")
"""


@pytest.fixture
def scripted(fleet: Helped) -> Helped:
    """Without the revision that needs a connection, and with one that leaves its transaction."""
    fleet.revision("r3", "r2", CONCURRENTLY)
    return fleet


def run(project: Helped, script: str) -> None:
    """As psql would: statement by statement, in one session."""
    lines = "\n".join(x for x in script.splitlines() if not x.startswith("--"))
    with psycopg.connect(project.url, autocommit=True) as connection:
        for statement in filter(str.strip, lines.split(";")):
            connection.execute(statement.encode())
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_the_script_does_what_the_command_does(scripted: Helped):
    run(scripted, scripted.done("alembic -x tenant=acme upgrade head --sql"))
    scripted.done("alembic -x tenant=bolt upgrade head")
    found = snapshot(scripted.url)
    assert found.structures["tenant_acme"] == found.structures["tenant_bolt"]
    assert scripted.stands() == {"tenant_acme": "r3", "tenant_bolt": "r3"}
    down = "alembic -x tenant={} downgrade r2:base {}"
    scripted.revision("r3", "r2")
    scripted.done("alembic -x tenant=acme downgrade r2")
    run(scripted, scripted.done(down.format("acme", "--sql")))
    assert scripted.stands()["tenant_acme"] == ""


def test_the_place_is_in_the_script(scripted: Helped):
    script = scripted.done("alembic -x schema=tenant_acme upgrade r1 --sql")
    assert script.startswith("-- schema tenant_acme\n")
    assert 'SET search_path TO "tenant_acme", "public";' in script
    assert "CREATE TABLE tenant_acme.alembic_version" in script
    assert script.rstrip().endswith("RESET search_path;")
