"""The reference that models are compared with: made for it, in every strategy, and always removed."""

from __future__ import annotations

import shlex
import signal
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from cli_process import PATIENCE_S, Running
from fastapi_tenancy.migrations.reference import naming
from helped import Helped

TAGS = """
sa.Table("tags", metadata, sa.Column("id", sa.ForeignKey("items.id"), primary_key=True))
"""
SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname, 'tenancy_scratch')"
DATABASES = "SELECT datname::text FROM pg_database WHERE starts_with(datname, 'tenancy_scratch')"
APART = '\nrls_role = "pg_monitor"'
STRATEGIES = {
    "schema": "",
    "database": 'isolation_strategy = "database"',
    "template": 'isolation_strategy = "database"\ndatabase_url_template = "{url}"',
    "rls": f'isolation_strategy = "rls"{APART}',
    "hybrid": 'isolation_strategy = "hybrid"',
    "hybrid rls": f'isolation_strategy = "hybrid"\nstandard_isolation_strategy = "rls"{APART}',
    "file": 'isolation_strategy = "database"',
}


def _schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {str(n) for (n,) in connection.execute(SCHEMAS.encode())}


def _all(url: str) -> set[str]:
    """Scratch places of every kind; some may be those of tests that run at the same time."""
    with psycopg.connect(url) as connection:
        databases = {str(n) for (n,) in connection.execute(DATABASES.encode())}
    files = {p.name for p in Path(tempfile.gettempdir()).glob("tenancy_scratch_*")}
    return _schemas(url) | databases | files


def _require_nothing_left(url: str) -> None:
    left, end = _all(url), time.monotonic() + PATIENCE_S
    while left := left & _all(url):
        assert time.monotonic() < end, left
        time.sleep(0.05)


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest, tmp_path: Path, tenancy_database: str) -> Helped:
    """A project of every strategy, without a tenant."""
    url = tenancy_database
    if request.param == "file":
        url = f"sqlite:///{tmp_path}/common.db"
    head, _, tail = tenancy_database.partition("?")
    template = f"{head.rpartition('/')[0]}/{{database_name}}?{tail}"
    settings = STRATEGIES[request.param].replace("{url}", template)
    project = Helped.made(tmp_path / "project", url, settings)
    if request.param == "file":
        project.revision("r3", "r2", "pass")
    return project


def test_in_every_strategy(strategy: Helped, tenancy_database: str):
    assert strategy.done("tenancy check").startswith("the models are what the migrations make")
    with (strategy.folder / "models.py").open("a") as file:
        file.write(TAGS)
    assert "the table is in the models only" in strategy.tenancy("check").out
    strategy.done("tenancy revision --autogenerate -m tags --rev-id r4")
    text = (strategy.folder / "alembic" / "versions" / "r4_tags.py").read_text()
    up = text.partition("def downgrade")[0]
    assert "op.create_table('tags'" in up
    assert "drop" not in up
    assert "schema" not in text
    assert strategy.done("tenancy check").startswith("the models are")
    told = strategy.done("tenancy revision --autogenerate -m more")
    assert told.endswith("nothing was written\n")
    _require_nothing_left(tenancy_database)


SHAPES = {
    "asynchronous": """
        import asyncio
        from alembic import context
        from sqlalchemy import pool, text
        from sqlalchemy.ext.asyncio import create_async_engine
        from models import metadata

        def do_run_migrations(connection, schema):
            connection.dialect.default_schema_name = schema
            context.configure(
                connection=connection, target_metadata=metadata, version_table_schema=schema
            )
            with context.begin_transaction():
                context.run_migrations()

        async def run_migrations_online():
            x_args = context.get_x_argument(as_dictionary=True)
            schema, path = x_args["schema"], f'"{x_args["schema"]}", public'
            connectable = create_async_engine(x_args["url"], poolclass=pool.NullPool)
            async with connectable.connect() as conn:
                await conn.execute(text("SELECT set_config('search_path', :path, false)"), {"path": path})
                await conn.commit()
                await conn.run_sync(do_run_migrations, schema)
            await connectable.dispose()

        asyncio.run(run_migrations_online())
    """,
    "attributes": """
        from alembic import context
        from sqlalchemy import create_engine, pool, text
        from models import metadata

        schema, url = (context.config.attributes[k] for k in ("schema", "url"))
        with create_engine(url, poolclass=pool.NullPool).connect() as connection:
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            connection.execute(text(f'SET search_path TO "{schema}", public'))
            connection.commit()
            context.configure(connection=connection, target_metadata=metadata)
            with context.begin_transaction():
                context.run_migrations()
    """,
    "as alembic init writes it": """
        from logging.config import fileConfig
        from alembic import context
        from sqlalchemy import engine_from_config, pool
        from models import metadata as target_metadata

        config = context.config

        def run_migrations_offline():
            context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata)
            with context.begin_transaction():
                context.run_migrations()

        def run_migrations_online():
            connectable = engine_from_config(
                config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.",
                poolclass=pool.NullPool,
            )
            with connectable.connect() as connection:
                context.configure(connection=connection, target_metadata=target_metadata)
                with context.begin_transaction():
                    context.run_migrations()

        if context.is_offline_mode():
            run_migrations_offline()
        else:
            run_migrations_online()
    """,
    "a loop": """
        from alembic import context
        from sqlalchemy import create_engine, pool, text
        from models import metadata

        url = context.config.get_main_option("sqlalchemy.url")
        with create_engine(url, poolclass=pool.NullPool).connect() as connection:
            schemas = connection.execute(
                text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant\\\\_%' ORDER BY 1")
            ).scalars().all()
            connection.rollback()
            for schema in schemas:
                connection.execute(text("SELECT set_config('search_path', :s, false)"), {"s": schema})
                connection.commit()
                connection.dialect.default_schema_name = schema
                context.configure(
                    connection=connection, target_metadata=metadata, version_table_schema=schema
                )
                with context.begin_transaction():
                    context.run_migrations()
    """,
    "a placeholder": """
        from alembic import context
        from sqlalchemy import MetaData, create_engine, pool
        import models

        metadata = MetaData()
        for table in models.metadata.sorted_tables:
            table.to_metadata(metadata, schema="tenant")
        x = context.get_x_argument(as_dictionary=True)
        with create_engine(x["url"], poolclass=pool.NullPool).connect() as connection:
            connection = connection.execution_options(schema_translate_map={"tenant": x["schema"]})
            context.configure(connection=connection, target_metadata=metadata)
            with context.begin_transaction():
                context.run_migrations()
    """,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_env(fleet: Helped, shape: str):
    if shape == "asynchronous":
        pytest.importorskip("greenlet")
    fleet.sql("CREATE TABLE public.everybodys (id int)")
    before = fleet.sql("SELECT nspname FROM pg_namespace ORDER BY 1")
    url = fleet.url.replace("postgresql:", "postgresql+psycopg:", 1).replace("%", "%%")
    fleet.ini(f"sqlalchemy.url = {url}")
    (fleet.folder / "alembic" / "env.py").write_text(textwrap.dedent(SHAPES[shape]))
    assert fleet.done("tenancy check") == "the models are what the migrations make\n"
    with (fleet.folder / "models.py").open("a") as file:
        file.write(TAGS)
    fleet.done("tenancy revision --autogenerate -m tags --rev-id r4")
    text = (fleet.folder / "alembic" / "versions" / "r4_tags.py").read_text()
    operations = [line.strip() for line in text.splitlines() if " op." in line]
    assert operations == ["op.create_table('tags',", "op.drop_table('tags')"]
    assert "['items.id']" in text
    assert "schema=" not in text
    assert fleet.sql("SELECT nspname FROM pg_namespace ORDER BY 1") == before


@pytest.fixture
def modest(helped: Helped) -> Iterator[Callable[[str], str]]:
    """Lets the project be used by a role that owns the tenants' schemas and may do no more."""
    role = f"modest_{uuid4().hex[:12]}"
    before = helped.url
    helped.sql(f"CREATE ROLE {role} LOGIN")

    def become(rights: str) -> str:
        if rights:
            helped.sql(rights.format(role=role))
        user = psycopg.conninfo.conninfo_to_dict(before)["user"]
        toml = helped.folder / "tenancy.toml"
        toml.write_text(toml.read_text().replace(f"//{user}@", f"//{role}@"))
        return role

    yield become
    helped.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_role_that_may_make_no_schema(fleet: Helped, modest: Callable[[str], str]):
    fleet.done("tenancy upgrade")
    role = modest(
        "GRANT ALL ON tenants TO {role}; ALTER SCHEMA tenant_acme OWNER TO {role};"
        "ALTER TABLE tenant_acme.items OWNER TO {role};"
        "ALTER TABLE tenant_acme.alembic_version OWNER TO {role}"
    )
    for line in ("check", "revision --autogenerate -m x"):
        done = fleet.tenancy(line)
        assert done.code == 2
        assert f"the role {role} may not make a scratch schema" in done.err
        assert "Give it CREATE on the database" in done.err
        assert "--tenant IDENTIFIER" in done.err
    assert fleet.done("tenancy check --tenant acme") == "the models are what tenant acme has\n"


@pytest.mark.parametrize("strategy", ["database", "rls"])
def test_a_role_that_may_make_no_database(
    helped: Helped, modest: Callable[[str], str], strategy: str
):
    toml = helped.folder / "tenancy.toml"
    toml.write_text(toml.read_text() + f'isolation_strategy = "{strategy}"\n')
    role = modest("")
    done = helped.tenancy("check")
    assert done.code == 2
    assert f"the role {role} may not make a scratch database" in done.err
    assert "Give it CREATEDB" in done.err


def _until(running: Running, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert running.process.is_alive(), running.wait()
        assert time.monotonic() < end, running.err.read_text()
        time.sleep(0.02)


WAITERS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", ["check", "revision --autogenerate -m x"])
def test_an_interrupt_leaves_nothing(helped: Helped, number: signal.Signals, line: str):
    helped.revision("r4", "r3", 'op.execute("SELECT pg_advisory_xact_lock_shared(42)")')
    versions = sorted((helped.folder / "alembic" / "versions").glob("*.py"))
    with psycopg.connect(helped.url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(42)")
        running = helped.shell.start(*shlex.split(line))
        _until(running, lambda: helped.sql(WAITERS) == [(1,)])
        assert len(_schemas(helped.url)) == 1
        running.signal(number)
        # The lock is still held: only an abort ends the wait.
        done = running.wait()
    assert done.code == 130
    assert "interrupted; nothing was changed" in done.err
    assert _schemas(helped.url) == set()
    assert sorted((helped.folder / "alembic" / "versions").glob("*.py")) == versions


UNTIL_GONE = """
import time
from pathlib import Path
while Path({!r}).exists():
    time.sleep(0.01)
"""


@pytest.mark.parametrize("strategy", ["schema", "rls"])
def test_what_a_killed_run_left_is_removed_by_the_next(
    helped: Helped, tmp_path: Path, strategy: str
):
    toml, flag = helped.folder / "tenancy.toml", tmp_path / "flag"
    toml.write_text(f'{toml.read_text()}isolation_strategy = "{strategy}"{APART}\n')
    helped.sql("CREATE SCHEMA tenancy_scratch_mine")
    helped.revision("r4", "r3", UNTIL_GONE.format(str(flag)))
    flag.touch()

    def of(running: Running) -> set[str]:
        return {name for name in _all(helped.url) if f"_{running.process.pid:x}_" in name}

    killed = helped.shell.start("check")
    _until(killed, lambda: of(killed) != set())
    killed.signal(signal.SIGKILL)
    killed.process.wait(PATIENCE_S)
    assert of(killed) != set()
    working = helped.shell.start("check")
    _until(working, lambda: of(killed) == set() and of(working) != set())
    other = helped.shell.start("check")
    # What another one is at work in is left alone.
    _until(other, lambda: of(other) != set())
    assert of(working) != set()
    flag.unlink()
    assert (working.wait().code, other.wait().code) == (0, 0)
    assert of(working) | of(other) == set()
    assert _schemas(helped.url) == {"tenancy_scratch_mine"}


def test_names_say_whether_somebody_is_at_work(monkeypatch: pytest.MonkeyPatch):
    name = naming.new_name()
    assert len(name) <= 63
    assert not naming.is_left_over(name)
    assert not naming.is_left_over("tenancy_scratch_of_a_customer")
    monkeypatch.setattr(naming, "LONGEST_S", -1)
    assert naming.is_left_over(name)
    monkeypatch.undo()
    parts = name.split("_")
    assert naming.is_left_over("_".join([*parts[:3], f"{2**22 + 1:x}", *parts[4:]]))
    elsewhere = "_".join([*parts[:2], "0" * 8, f"{2**22 + 1:x}", *parts[4:]])
    assert not naming.is_left_over(elsewhere)


def test_no_pattern_takes_a_scratch_place_for_a_tenant(fleet: Helped):
    name = naming.new_name()
    fleet.sql(f"CREATE SCHEMA {name}")
    toml = fleet.folder / "tenancy.toml"
    toml.write_text(toml.read_text() + 'schema_pattern = "%"\n')
    assert name not in fleet.done("tenancy tenants list")
    assert "tenant_acme" in fleet.done("tenancy tenants list")
    done = fleet.tenancy(f"tenants add x --schema {name}")
    assert done.code == 2


def test_a_tenant_is_not_named_like_one(helped: Helped):
    done = helped.tenancy(f"tenants add x --schema {naming.new_name()}")
    assert done.code == 2
    assert "made to compare models with, and removed" in done.err


def test_where_there_are_only_shards(helped: Helped):
    toml = helped.folder / "tenancy.toml"
    url = toml.read_text().partition("\n")[0]
    toml.write_text(f"[shards.one]\n{url.replace('database_url', 'url')}\n")
    assert helped.done("tenancy check") == "the models are what the migrations make\n"
    toml.write_text(
        toml.read_text().replace("[shards", f'isolation_strategy = "rls"{APART}\n[shards')
    )
    assert helped.done("tenancy check") == "the models are what the migrations make\n"


def test_what_the_migrations_change_for_everybody_is_said(helped: Helped):
    helped.revision(
        "r4", "r3", 'op.execute("CREATE TABLE IF NOT EXISTS public.everybodys (id int)")'
    )
    done = helped.tenancy("check")
    assert done.code == 0
    assert "warning: public changed during the run (added: " in done.err


def test_what_others_have_built_on_it_is_not_taken_along(helped: Helped):
    helped.revision("r4", "r3", 'op.execute("CREATE VIEW public.all_items AS SELECT * FROM items")')
    done = helped.tenancy("check")
    assert done.code == 0, done
    assert "removing it would take along what is outside of it" in done.err
    assert helped.sql("SELECT to_regclass('public.all_items')") != [(None,)]
    assert len(_schemas(helped.url)) == 1
