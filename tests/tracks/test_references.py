"""References of tracks that come after others: what those make is there first, in a scratch place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cli_desk import Desk
from cli_process import PATIENCE_S
from fastapi_tenancy.migrations.reference import naming
from several import ini, located, operations, revision, scripts, shop_models

SEEN = """
SELECT nspname::text, relname::text FROM pg_namespace n LEFT JOIN pg_class c ON relnamespace = n.oid
WHERE nspname !~ '^pg_|^information_schema' ORDER BY 1, 2
"""
DATABASES = "SELECT datname::text FROM pg_database WHERE starts_with(datname, 'tenancy_scratch')"
NAMED = 'op.add_column("companies", sa.Column("name", sa.Text, unique=True))'
BY_NAME = """
op.add_column("books", sa.Column("name", sa.Text, sa.ForeignKey("shared.companies.name")))
"""
LATER = """
metadata.tables["shared.companies"].append_column(sa.Column("name", sa.Text, unique=True))
metadata.tables["books"].append_column(sa.Column("name", sa.ForeignKey("shared.companies.name")))
"""


@pytest.fixture
def fresh(desk: Desk) -> Desk:
    """The shop with models, and nothing of it in the database."""
    shop_models(desk.folder)
    return desk


def _databases(desk: Desk) -> set[str]:
    return {str(name) for (name,) in desk.sql(DATABASES)}


def _require_none_left(desk: Desk, before: set[str]) -> None:
    """Tests that run at the same time have some, too, for a while."""
    left, end = _databases(desk) - before, time.monotonic() + PATIENCE_S
    while left := left & _databases(desk):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def _agree(desk: Desk, *arguments: str) -> None:
    before, databases = desk.sql(SEEN), _databases(desk)
    done = desk.run("check", *arguments)
    assert done.code == 0, done
    assert done.err == ""
    assert desk.sql(SEEN) == before
    _require_none_left(desk, databases)


def test_an_empty_database_will_do(fresh: Desk):
    fresh.sql("DROP TABLE tenants")
    _agree(fresh)
    with (fresh.folder / "models.py").open("a") as file:
        file.write('sa.Table("pages", metadata, sa.Column("book", sa.ForeignKey("books.id")))\n')
    before = fresh.sql(SEEN)
    (made,) = fresh.json("revision", "--autogenerate", "-m", "x", "--track", "tenants")["revisions"]
    assert operations(Path(made["path"])) == ["op.create_table('pages',"]
    assert fresh.sql(SEEN) == before


def test_a_database_that_is_not_there_yet(fresh: Desk):
    head, _, tail = fresh.url.partition("?")
    fresh.shell.environment["TENANCY_DATABASE_URL"] = f"{head}_later?{tail}"
    _agree(fresh)


@pytest.mark.parametrize("stands", ["s1", "s2", "ffff"])
def test_what_is_shared_stands_at_another_revision(fresh: Desk, stands: str):
    assert fresh.run("upgrade", "--create").code == 0
    revision(fresh.folder / "shared", "s2", "s1", NAMED)
    if stands == "s2":
        assert fresh.run("upgrade").code == 0
    elif stands != "s1":
        fresh.sql(f"UPDATE shared.alembic_version SET version_num = '{stands}'")
    revision(fresh.folder / "tenants", "t2", "t1", BY_NAME)
    with (fresh.folder / "models.py").open("a") as file:
        file.write(LATER)
    _agree(fresh)
    assert fresh.stands()["shared"] == stands


def test_env_py_migrates_itself_and_stays_in_the_scratch_database(fresh: Desk):
    toml = fresh.folder / "tenancy.toml"
    toml.write_text('engine = "env"\n' + toml.read_text())
    with (fresh.folder / "alembic.ini").open("a") as file:
        file.write(f"sqlalchemy.url = {fresh.url.replace('%', '%%')}\n")
    for name in ("shared", "tenants"):
        (fresh.folder / name / "env.py").write_text(
            """
import sqlalchemy as sa
from alembic import context
from models import metadata

schema = context.get_x_argument(as_dictionary=True)["schema"]
url = context.config.get_main_option("sqlalchemy.url")
with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
    connection.execute(sa.text(f'SET search_path TO "{schema}", public'))
    connection.commit()
    connection.dialect.default_schema_name = schema
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
        )
    _agree(fresh)


def test_the_track_that_comes_first_is_broken(fresh: Desk):
    revision(fresh.folder / "shared", "s2", "s1", 'op.execute("SELECT no_such_function()")')
    before = fresh.sql(SEEN)
    done = fresh.run("check", "--track", "tenants")
    assert done.code == 1
    assert "the migrations of the track 'shared', which comes first, fail" in done.err
    assert "no_such_function" in done.err
    assert "That track has to be mended; or run `tenancy upgrade --track shared`" in done.err
    assert fresh.sql(SEEN) == before


def test_its_own_migrations_fail_where_the_others_stand(fresh: Desk):
    assert fresh.run("upgrade", "--track", "shared").code == 0
    revision(fresh.folder / "tenants", "t2", "t1", 'op.execute("SELECT no_such_function()")')
    done = fresh.run("check", "--track", "tenants")
    assert done.code == 1
    assert "A new tenant would fail in the same way" in done.err
    assert "upgrade --track" not in done.err


def test_what_was_made_by_hand_is_not_in_a_scratch_database(fresh: Desk):
    fresh.sql("CREATE FUNCTION public.by_hand() RETURNS int RETURN 1")
    revision(fresh.folder / "tenants", "t2", "t1", 'op.execute("SELECT public.by_hand()")')
    done = fresh.run("check", "--track", "tenants")
    assert done.code == 1
    assert "nothing that was made by hand" in done.err
    assert "run `tenancy upgrade --track shared`, and the reference is built beside" in done.err
    assert fresh.run("upgrade", "--track", "shared").code == 0
    _agree(fresh, "--track", "tenants")


@pytest.fixture
def modest(fresh: Desk) -> Iterator[Desk]:
    """As a role that may make schemas, and no databases."""
    role = f"modest_{uuid4().hex[:12]}"
    database, user = fresh.sql("SELECT current_database(), current_user")[0]
    fresh.sql(f'CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE "{database}" TO {role}')
    fresh.sql(f"GRANT ALL ON tenants TO {role}")
    fresh.shell.environment["TENANCY_DATABASE_URL"] = fresh.url.replace(f"//{user}@", f"//{role}@")
    yield fresh
    fresh.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_role_that_may_make_no_database(modest: Desk):
    done = modest.run("check", "--track", "tenants")
    assert done.code == 1
    assert "run `tenancy upgrade --track shared`, or give the role" in done.err
    assert "CREATEDB" in done.err
    assert modest.run("upgrade", "--track", "shared").code == 0
    _agree(modest, "--track", "tenants")


def test_rows_in_common_that_name_what_is_shared(fresh: Desk):
    toml = fresh.folder / "tenancy.toml"
    toml.write_text('isolation_strategy = "rls"\nrls_role = "pg_monitor"\n' + toml.read_text())
    _agree(fresh)


def test_a_shared_track_after_that_of_the_server(bare: Desk):
    ini(bare.folder / "alembic.ini", {n: located(n) for n in ("server", "shared")})
    bare.folder.joinpath("tenancy.toml").write_text(
        '[tracks.server]\nscope = "shard"\nalembic_section = "server"\n'
        '[tracks.shared]\nscope = "shared"\nalembic_section = "shared"\nafter = ["server"]\n'
    )
    mood = 'op.execute("CREATE FUNCTION public.mood() RETURNS int RETURN 1")'
    revision(scripts(bare.folder / "server", "sa.MetaData()"), "v1", None, mood)
    env = bare.folder / "server" / "env.py"
    env.write_text("import sqlalchemy as sa\n" + env.read_text())
    revision(scripts(bare.folder / "shared", "metadata"), "s1", None, MOODS)
    env = bare.folder / "shared" / "env.py"
    env.write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        'sa.Table("days", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
        + env.read_text()
    )
    _agree(bare)
    assert bare.sql("SELECT to_regproc('public.mood')") == [(None,)]


MOODS = """
op.create_table("days", sa.Column("id", sa.Integer, primary_key=True))
op.execute("INSERT INTO days VALUES (public.mood())")
"""
TWO = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("customers", metadata, sa.Column("id", sa.Integer, primary_key=True){more})
sa.Table("orders", metadata, sa.Column("customer", sa.ForeignKey("customers.id"), primary_key=True))
"""
CUSTOMERS = 'op.create_table("customers", sa.Column("id", sa.Integer, primary_key=True))'
ORDERS = """
op.create_table(
    "orders", sa.Column("customer", sa.Integer, sa.ForeignKey("customers.id"), primary_key=True)
)
"""


@pytest.mark.parametrize("strategy", ["schema", "database", "file"])
def test_two_apps_in_the_schemas_of_tenants(bare: Desk, strategy: str):
    """The second app names tables of the first, and its models have to have them."""
    if strategy == "file":
        bare.shell.environment["TENANCY_DATABASE_URL"] = f"sqlite:///{bare.folder}/common.db"
    isolation = "schema" if strategy == "schema" else "database"
    bare.folder.joinpath("tenancy.toml").write_text(
        f'isolation_strategy = "{isolation}"\n'
        '[tracks.app1]\nscope = "tenant"\nalembic_section = "app1"\n'
        '[tracks.app2]\nscope = "tenant"\nalembic_section = "app2"\nafter = ["app1"]\n'
    )
    section = {"prepend_sys_path": "."}
    ini(bare.folder / "alembic.ini", {n: {**located(n), **section} for n in ("app1", "app2")})
    models = bare.folder / "models.py"
    models.write_text(TWO.format(more=""))
    for name, up in (("app1", CUSTOMERS), ("app2", ORDERS)):
        env = scripts(bare.folder / name, f'metadata, version_table="{name}_version"') / "env.py"
        env.write_text("from models import metadata\n" + env.read_text())
        revision(bare.folder / name, f"{name}_1", None, up)
    done = bare.run("check", "--track", "app2")
    assert done.code == 0, done
    models.write_text(TWO.format(more=', sa.Column("name", sa.Text)'))
    assert bare.run("check", "--track", "app2").code == 0
    with models.open("a") as file:
        file.write('metadata.tables["orders"].append_column(sa.Column("paid", sa.Boolean))\n')
    findings = bare.json("check", "--track", "app2", code=1)["tracks"][0]["findings"]
    assert [(f["table"], f["found"]) for f in findings] == [
        ("orders", "column paid is in the models only")
    ]


def test_a_scratch_database_that_was_left_is_removed(fresh: Desk):
    parts = naming.new_name().split("_")
    name = "_".join([*parts[:3], f"{2**22 + 1:x}", *parts[4:]])  # of a process that has ended
    fresh.sql(f'CREATE DATABASE "{name}"')
    assert fresh.run("check", "--track", "tenants").code == 0
    assert name not in _databases(fresh)
