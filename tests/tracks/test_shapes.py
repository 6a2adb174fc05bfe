"""Projects of the shapes people have: several databases, several apps, one chain for everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import alembic
import psycopg
import pytest

from alembic_process import alembic as plain_alembic
from cli_desk import Desk
from fastapi_tenancy.model.url import DatabaseUrl, sync_url
from fastapi_tenancy.testing.databases import create_database, drop_database
from several import ini, located, revision, scripts, shop

TABLE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'


@pytest.fixture
def databases(tenancy_database: str) -> Iterator[dict[str, DatabaseUrl]]:
    made = {name: create_database(tenancy_database) for name in ("users", "analytics")}
    yield made
    for url in made.values():
        drop_database(url)


def tables(url: str) -> set[str]:
    """The tables of a database, and the revision it stands at as one more of them."""
    with psycopg.connect(url) as connection:
        names = (
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname !~ '^(pg_|inf)'"
        )
        return {name for (name,) in connection.execute(names)}


def position(url: str, table: str = "alembic_version") -> str:
    """The revision a database stands at."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"SELECT version_num FROM {table} ORDER BY 1").fetchall()
    return ",".join(row[0] for row in rows)


def option(url: DatabaseUrl) -> str:
    """A URL as an ini file has it."""
    return str(sync_url(url)).replace("%", "%%")


@pytest.fixture
def apart(bare: Desk, databases: dict[str, DatabaseUrl]) -> Desk:
    """Two databases, each with a history and a section of its own, as `alembic --name` takes them."""
    sections = {
        name: {**located(f"migrations/{name}"), "sqlalchemy.url": option(url)}
        for name, url in databases.items()
    }
    ini(bare.folder / "alembic.ini", {"alembic": {"databases": "users, analytics"}, **sections})
    for name in databases:
        folder = scripts(bare.folder / "migrations" / name)
        revision(folder, f"{name}1", None, TABLE.format(name), f'op.drop_table("{name}")')
    (bare.folder / "tenancy.toml").write_text(
        '[tracks.users]\nscope = "database"\nalembic_section = "users"\n'
        '[tracks.analytics]\nscope = "database"\nalembic_section = "analytics"\nafter = ["users"]\n'
    )
    return bare


def test_no_other_database_is_needed(apart: Desk, databases: dict[str, DatabaseUrl]):
    del apart.shell.environment["TENANCY_DATABASE_URL"]
    assert apart.json("upgrade")["succeeded"] == 2
    assert position(databases["users"]) == "users1"


def test_databases_by_themselves(apart: Desk, databases: dict[str, DatabaseUrl]):
    done = apart.json("upgrade")
    assert [(t["track"], t["succeeded"]) for t in done["tracks"]] == [
        ("users", 1),
        ("analytics", 1),
    ]
    for name, url in databases.items():
        assert position(url) == f"{name}1"
        assert tables(url) == {f"public.{name}", "public.alembic_version"}
    assert apart.run("--name", "users", "downgrade", "base", "--yes").code == 0
    assert "public.users" not in tables(databases["users"])
    assert "public.analytics" in tables(databases["analytics"])


def test_databases_by_themselves_under_plain_alembic(
    apart: Desk, databases: dict[str, DatabaseUrl]
):
    assert plain_alembic(apart.folder, "--name", "users", "upgrade", "head").code == 0
    assert position(databases["users"]) == "users1"
    done = apart.json("upgrade")
    assert [r["outcome"] for r in done["results"]] == ["already there", "migrated"]


def test_a_database_that_is_down_is_the_failure_of_its_track(apart: Desk):
    path = apart.folder / "alembic.ini"
    text = path.read_text().splitlines()
    at = max(n for n, line in enumerate(text) if line.startswith("sqlalchemy.url"))
    text[at] = "sqlalchemy.url = postgresql://nobody:hush@127.0.0.1:1/analytics"
    path.write_text("\n".join(text) + "\n")
    done = apart.json("upgrade", code=1)
    assert [(r["track"], r["success"]) for r in done["results"]] == [
        ("users", True),
        ("analytics", False),
    ]
    assert "hush" not in str(done)


TEMPLATE = Path(alembic.__file__).parent / "templates" / "multidb" / "env.py"
BY_NAME = """
globals()["upgrade_" + engine_name]()


def upgrade_users():
    op.create_table("people", sa.Column("id", sa.Integer))


def upgrade_analytics():
    op.create_table("events", sa.Column("id", sa.Integer))
"""


@pytest.fixture
def multidb(bare: Desk, databases: dict[str, DatabaseUrl]) -> Desk:
    """A project of Alembic's template for several databases."""
    folder = scripts(bare.folder / "migrations")
    (folder / "env.py").write_text(TEMPLATE.read_text())
    revision(folder, "m1", None, 'globals()["upgrade_" + engine_name]()', arguments="engine_name")
    file = folder / "versions" / "m1.py"
    file.write_text(file.read_text() + BY_NAME.partition("\n\n")[2])
    sections = {name: {"sqlalchemy.url": option(url)} for name, url in databases.items()}
    loggers = {
        "loggers": {"keys": "root"}, "handlers": {"keys": ""}, "formatters": {"keys": ""},
        "logger_root": {"level": "WARN", "handlers": ""},
    }  # fmt: skip
    section = {**located("migrations"), "databases": "users, analytics"}
    ini(bare.folder / "alembic.ini", {"alembic": section, **sections, **loggers})
    (bare.folder / "tenancy.toml").write_text('[tracks.all]\nscope = "database"\n')
    return bare


def test_the_multidb_template(multidb: Desk, databases: dict[str, DatabaseUrl]):
    done = multidb.json("upgrade")
    assert {r["identifier"] for r in done["results"]} == {"users", "analytics"}
    assert done["succeeded"] == 2
    assert tables(databases["users"]) == {"public.people", "public.alembic_version"}
    assert tables(databases["analytics"]) == {"public.events", "public.alembic_version"}
    assert multidb.json("upgrade")["results"][0]["outcome"] == "already there"


def test_the_models_of_the_multidb_template_are_for_alembic(multidb: Desk):
    """Nothing is said to agree that nobody compared, and other tracks are compared all the same."""
    toml = multidb.folder / "tenancy.toml"
    toml.write_text(
        toml.read_text() + '[tracks.shared]\nscope = "shared"\nalembic_section = "shared"\n'
    )
    with (multidb.folder / "alembic.ini").open("a") as file:
        file.write("[shared]\nscript_location = %(here)s/shared\npath_separator = os\n")
    options = 'target_metadata=__import__("sqlalchemy").MetaData()'
    revision(scripts(multidb.folder / "shared", options), "s1", None, "pass")
    document = multidb.json("check", code=1)
    found = {t["track"]: [(f["found"], f["do"]) for f in t["findings"]] for t in document["tracks"]}
    ((told, do),) = found["all"]
    assert told.endswith("they were not compared")
    assert do.startswith("`alembic check` and `alembic revision --autogenerate` compare them all")
    assert found["shared"] == []
    done = multidb.run("revision", "--autogenerate", "-m", "x", "--track", "all")
    assert done.code == 2
    assert "or give each database a track of its own" in done.err
    assert done.err.endswith("Nothing was written\n")


MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("customers", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def monorepo(bare: Desk) -> Desk:
    """Two apps, each with its own ini file, and a package of models that both use."""
    (bare.folder / "shared").mkdir()
    (bare.folder / "shared" / "models.py").write_text(MODELS)
    for number, app in enumerate(("app1", "app2")):
        folder = bare.folder / app
        options = f'target_metadata=metadata, version_table="{app}_version"'
        env = scripts(folder / "migrations", options) / "env.py"
        env.write_text("from shared.models import metadata\n" + env.read_text())
        located_here = {**located("migrations"), "prepend_sys_path": "%(here)s/.."}
        ini(folder / "alembic.ini", {"alembic": located_here})
        up = (
            'from shared.models import metadata\nmetadata.tables["customers"].create(op.get_bind())'
        )
        up = up if number == 0 else TABLE.format("orders")
        revision(folder / "migrations", f"{app}_1", None, up)
    (bare.folder / "tenancy.toml").write_text(
        '[tracks.app1]\nscope = "tenant"\nalembic_ini = "app1/alembic.ini"\n'
        '[tracks.app2]\nscope = "tenant"\nalembic_ini = "app2/alembic.ini"\nafter = ["app1"]\n'
    )
    for identifier in ("acme", "bolt"):
        assert bare.run("tenants", "add", identifier).code == 0
    return bare


def test_several_apps_with_models_in_common(monorepo: Desk):
    done = monorepo.json("upgrade", "--create")
    assert done["succeeded"] == 4, done
    for schema in ("tenant_acme", "tenant_bolt"):
        found = {t for t in tables(monorepo.url) if t.startswith(schema)}
        assert found == {
            f"{schema}.{t}" for t in ("customers", "orders", "app1_version", "app2_version")
        }
        assert position(monorepo.url, f"{schema}.app2_version") == "app2_1"
    assert monorepo.json("upgrade")["results"][3]["outcome"] == "already there"


def test_one_app_goes_on_without_the_other(monorepo: Desk):
    assert monorepo.run("upgrade", "--create").code == 0
    revision(monorepo.folder / "app2" / "migrations", "app2_2", "app2_1", TABLE.format("bills"))
    done = monorepo.json("-c", "app2/alembic.ini", "upgrade")
    assert [t["track"] for t in done["tracks"]] == ["app2"]
    assert position(monorepo.url, "tenant_bolt.app2_version") == "app2_2"
    assert position(monorepo.url, "tenant_bolt.app1_version") == "app1_1"


def test_a_tenant_that_failed_in_one_track_does_not_start_in_the_next(monorepo: Desk):
    assert monorepo.run("upgrade", "--create").code == 0
    monorepo.sql("CREATE TABLE tenant_acme.stars (id int)")
    revision(monorepo.folder / "app1" / "migrations", "app1_2", "app1_1", TABLE.format("stars"))
    revision(monorepo.folder / "app2" / "migrations", "app2_2", "app2_1", TABLE.format("bills"))
    done = monorepo.json("upgrade", code=1)
    found = {(r["track"], r["identifier"]): r["outcome"] for r in done["results"]}
    assert found == {
        ("app1", "acme"): "failed",
        ("app1", "bolt"): "migrated",
        ("app2", "acme"): "skipped",
        ("app2", "bolt"): "migrated",
    }


def test_two_tracks_in_one_version_table_are_refused(monorepo: Desk):
    for app in ("app1", "app2"):
        env = monorepo.folder / app / "migrations" / "env.py"
        env.write_text(env.read_text().replace(f', version_table="{app}_version"', ""))
    done = monorepo.run("upgrade", "--create")
    assert done.code == 2
    assert (
        "the tracks 'app1' and 'app2' would both keep their revisions in the table alembic_version"
        in done.err
    )
    assert "version_table=" in done.err
    assert not [t for t in tables(monorepo.url) if t.startswith("tenant_")]


CHAIN = """
if current_tenant().tags.get("scope") == "shared":
    op.create_table("companies", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def chain(bare: Desk) -> Desk:
    """One history: its first revision is for everybody's schema, the others for tenants."""
    ini(bare.folder / "alembic.ini", {"alembic": located("migrations")})
    folder = scripts(bare.folder / "migrations")
    revision(folder, "d6ba8c13303e", None, CHAIN, top="from fastapi_tenancy import current_tenant")
    revision(folder, "e7", "d6ba8c13303e", TABLE.format("books"), 'op.drop_table("books")')
    (bare.folder / "tenancy.toml").write_text(
        '[tracks.public]\nscope = "shared"\nschema_name = "public"\nrevision = "d6ba8c13303e"\n'
        '[tracks.tenants]\nscope = "tenant"\nafter = ["public"]\n'
    )
    for identifier in ("a", "b"):
        assert bare.run("tenants", "add", identifier).code == 0
    return bare


def test_one_chain_for_what_is_shared_and_what_is_not(chain: Desk):
    done = chain.json("upgrade", "--create")
    assert done["succeeded"] == 3, done
    assert chain.stands() == {"public": "d6ba8c13303e", "a": "e7", "b": "e7"}
    found = {t for t in tables(chain.url) if not t.endswith((".alembic_version", ".tenants"))}
    assert found == {"public.companies", "tenant_a.books", "tenant_b.books"}
    assert chain.run("status", "--check").code == 0
    again = chain.json("upgrade")
    assert {r["outcome"] for r in again["results"]} == {"already there"}


def test_one_chain_where_the_shared_schema_is_beyond_its_revision(chain: Desk):
    assert chain.run("upgrade", "--create").code == 0
    assert chain.run("upgrade", "head", "--track", "public").code == 0
    assert chain.stands()["public"] == "d6ba8c13303e"
    assert chain.run("upgrade", "e7", "--track", "public").code == 0
    assert chain.run("upgrade").code == 0
    assert chain.stands()["public"] == "e7"
    assert chain.run("status", "--check").code == 0


def test_one_history_with_a_branch_for_each(bare: Desk):
    ini(bare.folder / "alembic.ini", {"alembic": located("migrations")})
    folder = scripts(bare.folder / "migrations")
    revision(folder, "c1", None, TABLE.format("companies"), labels=("common",))
    revision(folder, "o1", None, TABLE.format("books"), labels=("own",))
    revision(folder, "o2", "o1", TABLE.format("pages"))
    (bare.folder / "tenancy.toml").write_text(
        '[tracks.common]\nscope = "shared"\nrevision = "common@head"\n'
        '[tracks.own]\nscope = "tenant"\nrevision = "own@head"\nafter = ["common"]\n'
    )
    assert bare.run("tenants", "add", "acme").code == 0
    assert bare.json("upgrade", "--create")["succeeded"] == 2
    assert bare.stands() == {"common": "c1", "acme": "o2"}
    found = {t for t in tables(bare.url) if not t.endswith((".alembic_version", ".tenants"))}
    assert found == {"common.companies", "tenant_acme.books", "tenant_acme.pages"}
    assert bare.run("status", "--check").code == 0
    assert bare.json("upgrade")["results"][1]["outcome"] == "already there"


def test_one_chain_under_plain_alembic(chain: Desk):
    environment = {"TENANCY_DATABASE_URL": chain.url}
    assert chain.run("tenants", "list").code == 0
    public = ("-x", "tenant=public", "upgrade", "d6ba8c13303e")
    assert plain_alembic(chain.folder, *public, **environment).code == 0
    assert chain.stands() == {"public": "d6ba8c13303e"}
    done = plain_alembic(chain.folder, "upgrade", "head", **environment)
    assert done.code != 0
    assert "which tenant is meant?" in done.out
    assert chain.run("upgrade", "--create").code == 0
    assert chain.stands() == {"public": "d6ba8c13303e", "a": "e7", "b": "e7"}


def test_a_shared_track_under_plain_alembic(bare: Desk):
    shop(bare.folder)
    environment = {"TENANCY_DATABASE_URL": bare.url}
    bare.sql("CREATE SCHEMA shared")
    assert plain_alembic(bare.folder, "-n", "shared", "upgrade", "head", **environment).code == 0
    assert bare.stands() == {"shared": "s1"}
    done = bare.json("upgrade", "--track", "shared")
    assert done["results"][0]["outcome"] == "already there"
    done = plain_alembic(bare.folder, "-n", "tenants", "upgrade", "head", **environment)
    assert "which tenant is meant?" in done.out
