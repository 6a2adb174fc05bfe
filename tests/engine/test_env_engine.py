"""`--engine env`: env.py itself migrates each target, in worker processes that start once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from fastapi_tenancy.engine.env.crew import crew_size
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.event import CohortStarted
from fastapi_tenancy.model.plan import Command, Engine, Road
from project import ITEMS, Project, tenants
from same import FLEET, both_roads
from snapshot import heads, query, rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]

LOOK = 'n = op.get_bind().scalar(sa.text("SELECT count(*) FROM items"))\n'
NOTED = "op.execute(f\"INSERT INTO items (name, note) VALUES ('seen', '{n}')\")"


@pytest.fixture
def shop(project: Project, schemas: Schemas) -> Project:
    """Two revisions with rows; the second one reads."""
    project.revision("r1", None, ITEMS, 'op.drop_table("items")')
    project.revision(
        "r2", "r1", LOOK + NOTED, "op.execute(\"DELETE FROM items WHERE name = 'seen'\")"
    )
    schemas(*FLEET)
    return project


def test_up_no_op_and_down_are_as_with_plain_alembic(shop: Project, copied: Copied) -> None:
    done = both_roads(shop, copied, engine=Engine.ENV)
    assert set(done.taken.values()) == {Road.ENV.value}
    started = [e for e in done.events if isinstance(e, CohortStarted)]
    assert {s.road for e in started for s in e.steps} == {Road.ENV}
    both_roads(shop, copied, revision="r1", command=Command.DOWNGRADE, engine=Engine.ENV)
    both_roads(shop, copied, revision="r2", command=Command.STAMP, engine=Engine.ENV)
    both_roads(shop, copied, revision="base", command=Command.DOWNGRADE, engine=Engine.ENV)


@pytest.mark.usefixtures("real_workers")
def test_the_processes_start_once_and_load_the_scripts_once(shop: Project) -> None:
    shop.environment(
        before="""
        import os
        connection.exec_driver_sql(
            f"CREATE TABLE pids AS SELECT {os.getpid()} AS pid, {len(os.environ)} AS n")
        connection.commit()
        """
    )
    loaded = shop.root / "loaded"
    shop.revision("r3", "r2", top=f"with open({str(loaded)!r}, 'a') as file:\n    file.write('x')")
    shop.run(FLEET, "r2", engine=Engine.ENV).require_success()
    pids = {row[0] for name in FLEET for row in query(shop.url, f"SELECT pid FROM {name}.pids")}
    assert 1 <= len(pids) <= crew_size(4)
    # Once here, and once in each process: never once for each tenant.
    assert len(loaded.read_text()) <= 2 * (1 + crew_size(4))


def test_arguments_reach_env_py_and_the_revisions(shop: Project) -> None:
    shop.environment(
        before="""
        from fastapi_tenancy import current_tenant
        attributes = context.config.attributes
        seen = [
            "|".join(f"{k}={v}" for k, v in x.items() if k != "url"),
            attributes["tenant"], attributes["schema"], attributes["tenant_id"],
            current_tenant().tags["tier"],
            str(context.config.get_main_option("sqlalchemy.url") == x["url"] == attributes["url"]),
        ]
        connection.execute(sa.text("CREATE TABLE seen (line text)"))
        connection.execute(sa.text("INSERT INTO seen VALUES (:line)"), {"line": ", ".join(seen)})
        connection.commit()
        """
    )
    shop.revision(
        "r3",
        "r2",
        'op.execute(f"UPDATE items SET note = \'{current_tenant().identifier} "\n'
        "           f\"{context.get_x_argument(as_dictionary=True)['colour']}'\")",
        top="from fastapi_tenancy import current_tenant",
    )
    fleet = tenants(FLEET, tier="gold")
    shop.run(fleet, engine=Engine.ENV, x_arguments=("colour=blue",)).require_success()
    for name in FLEET:
        (line,) = rows(shop.url, name, "seen")
        told = f"tenant={name}|schema={name}|colour=blue, {name}, {name}, id-{name}, gold, True"
        assert line == f'("{told}")'
        assert all(f"{name} blue" in row for row in rows(shop.url, name, "items"))


def test_what_env_py_changes_in_its_configuration_is_for_its_tenant_only(shop: Project) -> None:
    shop.environment(
        before="""
        assert context.config.get_main_option("mine") is None, context.config.get_main_option("mine")
        context.config.set_main_option("mine", schema)
        """
    )
    shop.run(FLEET, engine=Engine.ENV).require_success()


@pytest.mark.usefixtures("real_workers")
def test_missing_schemas_are_made(shop: Project) -> None:
    done = shop.run(["new"], engine=Engine.ENV, create=False)
    assert "the schema does not exist" in (done.outcome("new").error or "")
    shop.run([*FLEET, "new"], engine=Engine.ENV).require_success()
    assert heads(shop.url, "new") == {"r2"}


FAILING = [
    ("raise KeyError('nobody')", r"env\.py, line 15: KeyError: 'nobody'"),
    ("raise SystemExit(3)", r"env\.py ended the process with exit\(3\)"),
    ("raise KeyboardInterrupt", "env.py raised KeyboardInterrupt, which is meant to end a process"),
    ("import os; os._exit(7)", "the process that ran env.py for it ended with exit code 7"),
    (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "the process that ran env.py for it was killed by SIGKILL",
    ),
    ("connection.exec_driver_sql('SELECT 1/0')", r"env\.py, line 15: division by zero"),
]


@pytest.mark.parametrize(("body", "told"), FAILING, ids=[told for _, told in FAILING])
def test_what_ends_env_py_fails_its_tenant_only(shop: Project, body: str, told: str) -> None:

    shop.environment(before=f"if schema == 'a3' and x.get('go'):\n    {body}")

    done = shop.run(FLEET, engine=Engine.ENV, x_arguments=("go=1",))
    assert done.kinds == {n: "failed" if n == "a3" else "migrated" for n in FLEET}, [
        o.error for o in done.report.outcomes
    ]
    assert re.search(told, done.outcome("a3").error or "")
    assert query(shop.url, "SELECT to_regclass('a3.items')") == [(None,)]
    again = shop.run(FLEET, engine=Engine.ENV).require_success()
    assert again.kinds == {n: "migrated" if n == "a3" else "already there" for n in FLEET}


def test_a_failing_revision_is_named_with_the_projects_own_lines(shop: Project) -> None:
    shop.revision(
        "r3",
        "r2",
        """
        if context.get_x_argument(as_dictionary=True)["schema"] == "a2":
            op.execute("UPDATE nowhere SET a = 1")
        """,
    )
    done = shop.run(FLEET, engine=Engine.ENV)
    assert done.kinds == {n: "failed" if n == "a2" else "migrated" for n in FLEET}
    failed = done.outcome("a2")
    assert failed.error is not None
    assert failed.error.startswith(
        'revision r3: relation "nowhere" does not exist (UndefinedTable)'
    )
    assert "statement: UPDATE nowhere" in failed.error
    assert failed.traceback is not None
    files = set(re.findall(r'File "([^"]+)"', failed.traceback))
    assert {f.rpartition("/")[2] for f in files} == {"env.py", "f02.py"}
    assert failed.to_heads == ()


@pytest.mark.usefixtures("real_workers")
def test_what_env_py_prints_and_logs_is_not_ours(
    shop: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.environment(
        top="""
        import logging, sys
        print("printed by env.py")
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, force=True)
        logging.disable(logging.NOTSET)
        """
    )
    shop.run(FLEET, engine=Engine.ENV).require_success()
    out, err = capfd.readouterr()
    assert out == ""
    assert "printed by env.py" in err


def test_an_env_py_that_goes_elsewhere_changes_nothing(shop: Project) -> None:
    shop.environment(
        before="if x.get('go'): connection.exec_driver_sql('SET search_path TO public')"
    )
    done = shop.run(FLEET, engine=Engine.ENV, x_arguments=("go=1",))
    assert set(done.kinds.values()) == {"failed"}
    told = done.outcome("a1").error or ""
    assert "env.py goes to schema 'public' of database" in told
    assert "but this tenant lives in schema 'a1'" in told
    assert query(shop.url, "SELECT to_regclass('public.items')") == [(None,)]


def test_an_env_py_that_swallows_the_refusal_changes_nothing(shop: Project) -> None:
    text = (shop.root / "scripts" / "env.py").read_text()
    text = text.replace(
        "    context.configure(connection=connection, **dict())",
        "    try:\n"
        "        if x.get('go'): connection.exec_driver_sql('SET search_path TO public')\n"
        "        context.configure(connection=connection)\n"
        "    except Exception:\n"
        "        pass\n",
    )
    (shop.root / "scripts" / "env.py").write_text(text)
    done = shop.run(FLEET, engine=Engine.ENV, x_arguments=("go=1",))
    assert set(done.kinds.values()) == {"failed"}
    assert query(shop.url, "SELECT to_regclass('public.items')") == [(None,)]


def test_an_env_py_that_commits_nothing_is_no_success(shop: Project) -> None:
    text = (shop.root / "scripts" / "env.py").read_text()
    (shop.root / "scripts" / "env.py").write_text(text.replace("    connection.commit()\n", ""))
    done = shop.run(FLEET, engine=Engine.ENV)
    assert set(done.kinds.values()) == {"failed"}
    told = done.outcome("a1").error or ""
    assert "the run raised no error, but read back afterwards there is no version table" in told


def test_timeouts_hold_in_every_transaction(shop: Project) -> None:
    shop.environment("transaction_per_migration=True")
    up = "op.execute(\"UPDATE items SET note = current_setting('lock_timeout')\")"
    shop.revision("r3", "r2", up)
    shop.run(FLEET, engine=Engine.ENV, lock_timeout_s=7, statement_timeout_s=60).require_success()
    assert all(row.endswith(",7s)") for n in FLEET for row in rows(shop.url, n, "items"))


def test_a_module_is_fresh_for_each_tenant(shop: Project) -> None:
    shop.revision("r3", "r2", "ONCE.pop()", top="ONCE = [1]")
    shop.run(FLEET, engine=Engine.ENV).require_success()


def test_a_stamp_replaces_rows_that_lead_nowhere(shop: Project) -> None:
    shop.run(FLEET, engine=Engine.ENV).require_success()
    query(shop.url, "UPDATE a1.alembic_version SET version_num = 'gone'")
    done = shop.run(["a1"], "r1", Command.STAMP, engine=Engine.ENV).require_success()
    assert done.kinds == {"a1": "migrated"}
    assert heads(shop.url, "a1") == {"r1"}


def test_the_sql_cannot_be_shown(shop: Project) -> None:
    from fastapi_tenancy.engine.options import RunOptions
    from fastapi_tenancy.engine.shells import script_for

    options = RunOptions(engine=Engine.ENV)
    prepared = shop.engine(options, lambda _: None).prepare(tenants(FLEET))
    assert {c.step.road for s in prepared.stages[0] for c in s.steps} == {Road.ENV}
    script = script_for(prepared.plan, shop.isolation(), options)
    with pytest.raises(ConfigurationError, match="--sql cannot show what env"):
        list(script.lines(prepared.projects[0], prepared.plan.cohorts[0], prepared.stages[0]))


def test_a_script_without_a_main_guard_can_run_it(shop: Project) -> None:
    import subprocess
    import sys

    script = shop.root / "migrate.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from fastapi_tenancy.config import TenancyConfig\n"
        "from fastapi_tenancy.engine.options import RunOptions\n"
        "from fastapi_tenancy.engine.run import FleetRun\n"
        "from fastapi_tenancy.history.scripts import History\n"
        "from fastapi_tenancy.isolation.schema import SchemaIsolationProvider\n"
        "from fastapi_tenancy.model.tenant import Tenant\n"
        "from fastapi_tenancy.model.plan import Engine\n"
        f"isolation = SchemaIsolationProvider(TenancyConfig(database_url={str(shop.url)!r}))\n"
        f"fleet = [Tenant(id=n, identifier=n, schema_name=n) for n in {FLEET!r}]\n"
        f"run = FleetRun(History(Path({str(shop.ini)!r})), isolation, RunOptions(engine=Engine.ENV))\n"
        "report = run.execute(lambda: fleet)\n"
        "print(sum(o.success for o in report.outcomes))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "5\n", done.stderr
