"""The example project comes out the same by the engine and by plain Alembic, up and down."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fastapi_tenancy.cli.demo.cast import SEEDED, Player
from fastapi_tenancy.cli.demo.interrupt import Interrupts
from fastapi_tenancy.cli.demo.stage import copy_project, open_fleet, put_at_start, schema_of
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.model.plan import Command, Road
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.observe.structure import read_structures
from fastapi_tenancy.testing.databases import create_database, drop_database

PLAYERS = [
    Player(
        Tenant(id=n, identifier=n, schema_name=f"tenant_{n}", tags={"tier": tier}), start=SEEDED
    )
    for n, tier in (
        ("a", "gold"), ("b", "gold"), ("c", "gold"), ("d", "bronze"), ("e", "bronze"), ("f", "silver"),
    )
]  # fmt: skip
LOOP = """
import json, sys
from argparse import Namespace
from alembic import command
from alembic.config import Config
for schema in json.loads(sys.argv[3]):
    config = Config("alembic.ini", cmd_opts=Namespace(x=[f"schema={schema}"]))
    getattr(command, sys.argv[1])(config, sys.argv[2])
"""
MADE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*\+00:00"
)


def state(url: str) -> dict[str, Any]:
    """Structure and rows of every tenant; UUIDs and times of the clock masked."""
    schemas = [schema_of(p) for p in PLAYERS]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        structures = dict(read_structures(connection, schemas))
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)", [schemas]
        ).fetchall()
        rows = {
            (schema, table): sorted(
                MADE.sub("<made>", json.dumps(row[0], sort_keys=True))
                for row in connection.execute(
                    f'SELECT to_jsonb(t) FROM "{schema}"."{table}" t'.encode()
                )
            )
            for schema, table in tables
        }
    return {"structures": structures, "rows": rows}


def plain(project: Path, command: str, revision: str) -> None:
    """Take plain Alembic's road for every tenant."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TENANCY_")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LOOP,
            command,
            revision,
            json.dumps([schema_of(p) for p in PLAYERS]),
        ],
        cwd=project,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def by_engine(fleet: Fleet, command: Command, revision: str) -> set[str]:
    """Take the engine's road for every tenant; the roads that were taken."""
    report = fleet.run(fleet.options(command, revision), Selection())
    assert [o.error for o in report.outcomes if not o.success] == []
    assert report.differences == ()
    return {o.road for o in report.outcomes}


@pytest.fixture
def fleet(tmp_path: Path, tenancy_database: str) -> Fleet:
    """Tenants at the revision where they get their rows."""
    url = DatabaseUrl(tenancy_database)
    fleet = open_fleet(copy_project(tmp_path, url), url, url, PLAYERS)
    put_at_start(fleet, PLAYERS, url, Interrupts())
    return fleet


def test_both_roads_lead_to_the_same_place_and_back(tmp_path, tenancy_database, fleet):
    before = state(tenancy_database)
    name = psycopg.conninfo.conninfo_to_dict(tenancy_database)["dbname"]
    other = create_database(tenancy_database, str(name))
    try:
        project = copy_project(tmp_path / "other", other)
        assert by_engine(fleet, Command.UPGRADE, "head") == {"live", "live+per-tenant+replay"}
        plain(project, "upgrade", "head")
        at_head = state(tenancy_database)
        assert at_head == state(other)
        assert ("tenant_a", "revenue_by_month") in at_head["rows"]
        assert ("tenant_d", "revenue_by_month") not in at_head["rows"]

        assert by_engine(fleet, Command.DOWNGRADE, SEEDED) == {"live", "per-tenant+replay"}
        plain(project, "downgrade", SEEDED)
        assert state(tenancy_database) == state(other) == before

        by_engine(fleet, Command.DOWNGRADE, "base")
        plain(project, "downgrade", "base")
        empty = state(tenancy_database)
        assert empty == state(other)
        assert {table for _, table in empty["rows"]} == {"alembic_version"}
        assert not any(kind == "typ" for s in empty["structures"].values() for kind, _ in s)
    finally:
        drop_database(other)


def test_has_every_kind_of_revision(fleet):
    steps = fleet.explain(fleet.options(Command.UPGRADE, "head"))
    roads = {s.move.revision: s.road for s in steps}
    assert len(roads) == 15
    special = {r: road for r, road in roads.items() if road is not Road.REPLAY}
    assert special == {
        "0006_workspace_key": Road.PER_TENANT,
        "0007_customer_names": Road.LIVE,
        "0009_gold_reports": Road.PER_TENANT,
    }


def test_every_workspace_has_a_key_of_its_own(tenancy_database, fleet):
    by_engine(fleet, Command.UPGRADE, "head")
    with psycopg.connect(tenancy_database) as connection:
        keys = {
            connection.execute(
                f"SELECT public_key FROM {schema_of(p)}.workspace".encode()
            ).fetchone()
            for p in PLAYERS
        }
    assert len(keys) == len(PLAYERS)
