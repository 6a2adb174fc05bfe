"""A connection that the server closes under a revision: the report tells why, not what followed."""

from __future__ import annotations

import pytest

from fastapi_tenancy.model.plan import Engine
from project import Project
from same import FLEET
from snapshot import heads

KILL = "SELECT pg_terminate_backend(pg_backend_pid())"
TOLD = "the connection was closed: terminating connection due to administrator command"
SHAPES = {
    "operation": f"op.execute({KILL!r})",
    "connection": f"op.get_bind().execute(sa.text({KILL!r}))",
    "wrapped": f"""
try:
    op.get_bind().execute(sa.text({KILL!r}))
except Exception as error:
    raise RuntimeError("mine") from error
""",
    "savepoint": f"with op.get_bind().begin_nested():\n    op.execute({KILL!r})",
    "autocommit block": f"with op.get_context().autocommit_block():\n    op.execute({KILL!r})",
    "cleaning up": f"""
try:
    op.execute({KILL!r})
finally:
    sa.inspect(op.get_bind()).get_table_names()
""",
}


@pytest.mark.parametrize("engine", [Engine.LIVE, Engine.REPLAY])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_servers_last_words_are_told(seeded: Project, shape: str, engine: Engine):
    seeded.revision("r2", "r1", SHAPES[shape])
    error = seeded.run(FLEET[:1], engine=engine).outcome("a1").error or ""
    assert error.startswith(f"revision r2: {TOLD}")
    assert "the transaction in progress was rolled back" in error
    assert "Pending" not in error
    assert "terminated abnormally" not in error
    assert heads(seeded.url, "a1") == {"r1"}


def test_a_revision_that_keeps_the_cause_to_itself(seeded: Project):
    up = f"try:\n    op.get_bind().execute(sa.text({KILL!r}))\nexcept Exception:\n    pass\n"
    seeded.revision("r2", "r1", up)
    error = seeded.run(FLEET[:1]).outcome("a1").error or ""
    assert error.startswith("revision r2: the connection was closed in the middle of it")
    assert heads(seeded.url, "a1") == {"r1"}


def test_an_error_caught_before_is_not_the_cause(seeded: Project):
    up = f"""
try:
    with op.get_bind().begin_nested():
        op.execute("SELECT 1/0")
except Exception:
    op.get_bind().execute(sa.text({KILL!r}))
"""
    seeded.revision("r2", "r1", up)
    error = seeded.run(FLEET[:1]).outcome("a1").error or ""
    assert error.startswith(f"revision r2: {TOLD}")


def test_a_setting_of_the_server_that_closes(seeded: Project):
    seeded.revision(
        "r2",
        "r1",
        "op.execute(\"SET LOCAL idle_in_transaction_session_timeout TO '20ms'\")\n"
        "connection = op.get_bind().connection.driver_connection\n"
        "import select\n"
        "select.select([connection.fileno()], [], [], 20)\n"
        "op.get_bind().execute(sa.text('SELECT 1'))",
    )
    error = seeded.run(FLEET[:1]).outcome("a1").error or ""
    assert "the connection was closed: terminating connection due to idle-in-transaction" in error
