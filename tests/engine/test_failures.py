"""One failing tenant is one failing tenant; each failure says what, where and what to do."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.event import Event, TargetFinished
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import Tenant
from project import Project
from same import FLEET
from snapshot import heads, query, rows


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
@pytest.mark.parametrize("broken", ["a1", "a2", "a4"])
def test_one_of_many(seeded: Project, engine: Engine, broken: str) -> None:
    seeded.revision("r2", "r1", "op.execute(\"UPDATE items SET note = 'r2'\")")
    seeded.revision("r3", "r2", "op.create_table('extra', sa.Column('id', sa.Integer))")
    seeded.revision("r4", "r3", "op.execute(\"UPDATE items SET note = 'r4'\")")
    query(seeded.url, f"CREATE TABLE {broken}.extra (other text)")

    done = seeded.run(FLEET, engine=engine)

    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {broken}
    outcome = done.outcome(broken)
    assert outcome.from_heads == outcome.to_heads == ("r1",)
    assert "revision r3" in (outcome.error or "")
    assert 'relation "extra" already exists' in (outcome.error or "")
    assert "DuplicateTable" in (outcome.traceback or "")
    for name in FLEET:
        assert heads(seeded.url, name) == ({"r1"} if name == broken else {"r4"})
        assert any("r2" in r or "r4" in r for r in rows(seeded.url, name, "items")) == (
            name != broken
        )
    query(seeded.url, f"DROP TABLE {broken}.extra")
    again = seeded.run(FLEET, engine=engine).require_success()
    assert [n for n, kind in again.kinds.items() if kind == "migrated"] == [broken]


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY])
def test_the_statement_is_named(seeded: Project, engine: Engine) -> None:
    seeded.revision(
        "r2",
        "r1",
        "op.execute(\"UPDATE items SET note = '1'\")\nop.execute('ALTER TABLE items ADD name2 nonsense')",
    )
    error = seeded.run(FLEET, engine=engine).outcome("a5").error or ""
    assert "revision r2" in error
    assert 'type "nonsense" does not exist' in error
    assert "ALTER TABLE items ADD name2 nonsense" in error


def test_a_revision_that_fails_everywhere_stops_at_the_boundary_before(seeded: Project) -> None:
    seeded.environment("transaction_per_migration=True")
    seeded.revision("r2", "r1", "op.add_column('items', sa.Column('z', sa.Integer))")
    seeded.revision("r3", "r2", "raise ValueError('not for you')")
    done = seeded.run(FLEET)
    assert set(done.kinds.values()) == {"failed"}
    for outcome in done.report.outcomes:
        assert outcome.from_heads == ("r1",)
        assert outcome.to_heads == ("r2",)
        assert "revision r3: ValueError: not for you" in (outcome.error or "")
        assert heads(seeded.url, outcome.target.schema) == {"r2"}


def test_equals_that_fail_are_not_called_unequal(seeded: Project) -> None:
    seeded.revision("r2", "r1", "op.execute('ALTER TABLE nowhere ADD x int')")
    told = "two of equal structure were found, but could not be migrated to prove the replay"
    assert [told in w for w in seeded.run(FLEET).warnings] == [True]
    stop = Stop()

    def listen(event: Event) -> None:
        if isinstance(event, TargetFinished):
            stop.request()

    assert not seeded.run(FLEET, listener=listen, stop=stop).warnings


ODD = {
    "no text": (
        "type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "Odd: (no text: its __str__ raised ZeroDivisionError)",
    ),
    "other attributes": (
        "type('Odd', (Exception,), {'statement': 3, 'orig': 'x'})('why')",
        "Odd: why",
    ),
    "the end of a generator": (
        "GeneratorExit('x')",
        "raised GeneratorExit, which is meant to end a process",
    ),
}


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.ENV])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_error_is_one_failing_tenant(seeded: Project, engine: Engine, odd: str) -> None:
    raised, told = ODD[odd]
    up = f"if current_tenant().identifier == 'a2':\n    raise {raised}"
    seeded.revision("r2", "r1", up, top="from fastapi_tenancy import current_tenant")
    done = seeded.run(FLEET, engine=engine)
    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {"a2"}
    assert told in (done.outcome("a2").error or "")
    assert heads(seeded.url, "a1") == {"r2"}
    assert heads(seeded.url, "a2") == {"r1"}


def test_lock_timeout(seeded: Project) -> None:
    seeded.revision("r2", "r1", "op.add_column('items', sa.Column('z', sa.Integer))")
    with psycopg.connect(seeded.url) as other:
        other.execute("LOCK TABLE a2.items")
        done = seeded.run(FLEET, lock_timeout_s=0.1)
    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {"a2"}
    error = done.outcome("a2").error or ""
    assert "revision r2" in error
    assert "lock timeout" in error
    assert "--lock-timeout" in error
    assert heads(seeded.url, "a2") == {"r1"}


@pytest.mark.parametrize("engine", [Engine.REPLAY, Engine.LIVE])
def test_statement_timeout(seeded: Project, engine: Engine) -> None:
    seeded.revision("r2", "r1", "op.execute('SELECT pg_sleep(5) FROM items LIMIT 1')")
    done = seeded.run(FLEET[:1], engine=engine, statement_timeout_s=0.1)
    assert "statement timeout" in (done.outcome("a1").error or "")
    assert done.report.duration_s < 3


def test_timeouts_do_not_outlive_the_run(seeded: Project) -> None:
    seeded.revision(
        "r2", "r1", "op.execute(\"UPDATE items SET note = current_setting('lock_timeout')\")"
    )
    seeded.run(FLEET, lock_timeout_s=7).require_success()
    assert all("7s" in row for name in FLEET for row in rows(seeded.url, name, "items"))


def test_a_position_that_the_scripts_do_not_know(seeded: Project) -> None:
    seeded.revision("r2", "r1")
    query(seeded.url, "UPDATE a3.alembic_version SET version_num = 'from_elsewhere'")
    done = seeded.run(FLEET)
    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {"a3"}
    error = done.outcome("a3").error or ""
    assert "from_elsewhere" in error
    assert "scripts do not know" in error
    assert heads(seeded.url, "a3") == {"from_elsewhere"}


def test_a_missing_schema(seeded: Project) -> None:
    done = seeded.run([*FLEET, "new"], create=False)
    assert {n for n, kind in done.kinds.items() if kind == "failed"} == {"new"}
    assert "does not exist" in (done.outcome("new").error or "")
    assert query(seeded.url, "SELECT to_regnamespace('new')") == [(None,)]
    seeded.run([*FLEET, "new"], create=True).require_success()
    assert heads(seeded.url, "new") == {"r1"}


def test_a_schema_is_not_created_by_a_downgrade(seeded: Project) -> None:
    done = seeded.run(["nowhere"], "base", Command.DOWNGRADE, create=False)
    assert done.kinds == {"nowhere": "failed"}


def test_a_schema_created_for_a_revision_that_fails_is_gone_again(project: Project) -> None:
    project.revision("r1", None, "op.execute('SELECT 1/0')")
    done = project.run(["n1", "n2", "n3", "n4"])
    assert set(done.kinds.values()) == {"failed"}
    assert query(project.url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'n_'") == []


def test_two_tenants_that_claim_one_schema(seeded: Project) -> None:
    seeded.revision("r2", "r1", "op.add_column('items', sa.Column('z', sa.Integer))")
    fleet = [Tenant(id=n, identifier=n, schema_name=n) for n in ("a1", "a2", "a3")]
    fleet += [Tenant(id="x", identifier="x", schema_name="a2")]
    done = seeded.run(fleet)
    assert done.kinds == {"a1": "migrated", "a3": "migrated", "a2": "failed", "x": "failed"}
    for name in ("a2", "x"):
        error = done.outcome(name).error or ""
        assert "'a2', 'x'" in error
        assert "schema_name" in error
    assert heads(seeded.url, "a2") == {"r1"}
