"""Tenants on several servers, as somebody who types commands places and moves them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest

from cli_desk import Desk
from fastapi_tenancy.testing.databases import create_database, drop_database

SETTINGS = """\
catalogue_url = "env:LIST"

[shards.eu]
url = "env:EU"

[shards.us]
url = "env:US"
"""


@dataclass
class Sharded:
    """A desk, and two databases that stand for two servers; the list is in a third."""

    desk: Desk
    eu: Desk
    us: Desk

    def stands(self) -> dict[str, dict[str, str | None]]:
        """The revision of each tenant on each shard, read without the command."""
        return {"eu": self.eu.stands(), "us": self.us.stands()}


@pytest.fixture
def sharded(desk: Desk) -> Iterator[Sharded]:
    """Three databases on one server."""
    made = [create_database(desk.url) for _ in range(2)]
    (desk.folder / "tenancy.toml").write_text(SETTINGS)
    environment = desk.shell.environment
    del environment["TENANCY_DATABASE_URL"]
    environment |= {"LIST": desk.url, "EU": made[0], "US": made[1]}
    yield Sharded(desk, replace(desk, url=made[0]), replace(desk, url=made[1]))
    for url in made:
        drop_database(url)


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_new_tenants_go_to_the_least_full_shard(sharded: Sharded):
    desk = sharded.desk
    assert "to live in schema tenant_acme of shard eu" in desk.run("tenants", "add", "acme").out
    assert "of shard us" in desk.run("tenants", "add", "bolt").out
    assert desk.json("tenants", "add", "crux", "--shard", "us")["shard"] == "us"
    assert desk.json("tenants", "add", "dune")["shard"] == "eu"
    assert desk.json("tenants", "add", "echo", "--schema", "tenant_bolt")["shard"] == "eu"
    done = desk.run("upgrade", "--create")
    assert (done.code, done.out.splitlines()[0][:10]) == (0, "5 migrated")
    assert sharded.stands() == {
        "eu": {"acme": "0003", "dune": "0003", "bolt": "0003"},
        "us": {"bolt": "0003", "crux": "0003"},
    }
    assert desk.stands() == {}
    assert desk.run("tenants", "list").out.count(" us ") == 2


def test_what_a_shard_takes_is_said_in_the_settings(sharded: Sharded):
    desk = sharded.desk
    settings = SETTINGS.replace('"env:EU"\n', '"env:EU"\naccepts_tenants = false\n')
    (desk.folder / "tenancy.toml").write_text(f"{settings}max_tenants = 1\n")
    assert desk.json("tenants", "add", "acme")["shard"] == "us"
    refused = desk.run("tenants", "add", "bolt")
    assert refused.code == 2
    assert "no shard accepts tenant 'bolt': eu accepts none (accepts_tenants); us has 1" in (
        refused.err
    )
    assert desk.json("tenants", "add", "bolt", "--shard", "eu")["shard"] == "eu"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--shard", "asia"),
            "its shard is 'asia', and the settings have no shards.asia; expected",
        ),
        (
            ("--shard", ""),
            "its shard is '', and the settings have no shards.; expected one of eu, us",
        ),
    ],
)
def test_a_shard_that_is_none_is_refused(sharded: Sharded, arguments: tuple[str, ...], told: str):
    done = sharded.desk.run("tenants", "add", "acme", *arguments)
    assert done.code == 2
    assert told in done.err
    assert sharded.desk.sql("SELECT to_regclass('tenants')") == [(None,)]


def test_a_file_is_spread_over_the_shards(sharded: Sharded):
    desk = sharded.desk
    assert desk.json("tenants", "add", "first", "--shard", "us")["shard"] == "us"
    rows = "".join(f"t{n},\n" for n in range(9))
    (desk.folder / "t.csv").write_text(f"identifier,shard\n{rows}said,eu\n")
    assert desk.run("tenants", "import", "t.csv").code == 0
    found = desk.sql("SELECT shard, count(*) FROM tenants GROUP BY 1 ORDER BY 1")
    assert found == [("eu", 6), ("us", 5)]
    (desk.folder / "t.csv").write_text("identifier,shard\nx,\ny,asia\nz,us\n")
    (desk.folder / "tenancy.toml").write_text(
        SETTINGS.replace("url", "accepts_tenants = false\nurl").replace(
            "catalogue_accepts_tenants = false\nurl", "catalogue_url"
        )
    )
    done = desk.run("tenants", "import", "t.csv")
    assert done.code == 2
    assert "t.csv: 2 problems; nothing was changed" in done.err
    assert "line 2: no shard accepts tenant 'x'" in done.err
    assert "line 3: its shard is 'asia'" in done.err


def test_a_tenant_without_a_place_fails_alone(sharded: Sharded):
    desk = sharded.desk
    assert desk.run("tenants", "add", "acme").code == 0
    desk.sql(
        "INSERT INTO tenants (id, identifier, shard) VALUES ('b', 'bolt', NULL), ('c', 'crux', 'x')"
    )
    done = desk.run("upgrade", "--create")
    assert done.code == 1
    assert "1 migrated, 2 failed" in done.out
    assert "bolt\n  it has no shard, and no database_url says where tenants without one" in done.out
    assert (
        "crux\n  its shard is 'x', and the settings have no shards.x; expected one of" in done.out
    )
    shown = desk.run("tenants", "show", "crux")
    assert shown.code == 0
    assert "its shard is 'x'" in shown.err


def test_shared_tables_are_migrated_once_on_each_shard(sharded: Sharded):
    desk = sharded.desk
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "rls"
    for name in ("acme", "bolt", "crux"):
        assert desk.run("tenants", "add", name).code == 0
    done = desk.run("upgrade")
    assert (done.code, done.out.splitlines()[0][:10]) == (0, "3 migrated")
    for shard in (sharded.eu, sharded.us):
        assert shard.sql("SELECT version_num FROM public.alembic_version") == [("0003",)]
    assert desk.json("status")["at_head"] == 3


def test_databases_are_made_beside_that_of_the_shard(sharded: Sharded):
    desk = sharded.desk
    desk.shell.environment |= {
        "TENANCY_ISOLATION_STRATEGY": "database",
        "TENANCY_SCHEMA_PREFIX": f"{name_of(sharded.eu.url)}_",
    }
    made = desk.json("tenants", "add", "acme")
    assert made["target"].endswith(f"/{name_of(sharded.eu.url)}_acme")
    done = desk.run("upgrade", "--create")
    own = sharded.eu.url.replace(name_of(sharded.eu.url), f"{name_of(sharded.eu.url)}_acme")
    try:
        assert done.code == 0, done
        assert replace(desk, url=own).sql("TABLE alembic_version") == [("0003",)]
    finally:
        drop_database(own)


def test_env_py_itself_is_led_to_the_shard(sharded: Sharded):
    """The env.py of these desks connects to the URL of the ini file, which names no shard."""
    desk = sharded.desk
    with (desk.folder / "alembic.ini").open("a") as ini:
        ini.write(f"sqlalchemy.url = {desk.url.replace('%', '%%')}\n")
    (desk.folder / "migrations" / "env.py").write_text(
        (desk.folder / "migrations" / "env.py")
        .read_text()
        .replace(
            "    context.configure(connection=connection)",
            '    schema = context.get_x_argument(as_dictionary=True)["schema"]\n'
            "    connection.exec_driver_sql(f'SET search_path TO \"{schema}\"')\n"
            "    connection.commit()\n"
            "    context.configure(connection=connection)",
        )
    )
    for name in ("acme", "bolt"):
        assert desk.run("tenants", "add", name).code == 0
    sharded.eu.sql("CREATE SCHEMA tenant_acme")
    sharded.us.sql("CREATE SCHEMA tenant_bolt")
    desk.sql("CREATE SCHEMA tenant_acme; CREATE SCHEMA tenant_bolt")
    done = desk.run("upgrade", "--engine", "env")
    assert done.code == 0, done
    assert sharded.stands() == {"eu": {"acme": "0003"}, "us": {"bolt": "0003"}}
    assert desk.stands() == {}


def test_doctor_looks_at_every_shard(sharded: Sharded):
    desk = sharded.desk
    for name in ("acme", "bolt"):
        assert desk.run("tenants", "add", name).code == 0
    assert desk.run("upgrade", "--create").code == 0
    found = desk.run("doctor")
    assert "shards eu, us" in found.out
    assert all(f"/{name_of(shard.url)} as " in found.out for shard in (sharded.eu, sharded.us))
    assert found.code == 0, found
