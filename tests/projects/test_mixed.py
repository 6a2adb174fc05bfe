"""Plain Alembic and fleet commands, in any order, leave the same: in structure, rows and version rows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli_process import Shell
from fastapi_tenancy.testing.databases import create_database, drop_database
from helped import Helped
from snapshot import snapshot

ROADS = {
    "alembic": {
        "up": "alembic -x tenant={t} upgrade {r}",
        "down": "alembic -x tenant={t} downgrade {r}",
        "stamp": "alembic -x tenant={t} stamp {r}",
    },
    "schema": {
        "up": "alembic -x schema=tenant_{t} -x tenant={t} upgrade {r}",
        "down": "alembic -x schema=tenant_{t} downgrade {r}",
        "stamp": "alembic -x schema=tenant_{t} stamp {r}",
    },
    "tenancy": {
        "up": "tenancy upgrade {r} --tenant {t}",
        "down": "tenancy downgrade {r} --tenant {t} --yes",
        "stamp": "tenancy stamp {r} --tenant {t} --yes",
    },
    "env": {
        "up": "tenancy upgrade {r} --tenant {t} --engine env",
        "down": "tenancy downgrade {r} --tenant {t} --engine env --yes",
        "stamp": "tenancy stamp {r} --tenant {t} --engine env --yes",
    },
    "live": {
        "up": "tenancy upgrade {r} --tenant {t} --engine live",
        "down": "tenancy downgrade {r} --tenant {t} --engine live --yes",
        "stamp": "tenancy stamp {r} --tenant {t} --yes",
    },
}
MOVES = (
    ("up", "r1"),
    ("up", "+1"),
    ("up", "head"),
    ("down", "-1"),
    ("stamp", "r3"),
    ("down", "r1"),
    ("up", "head"),
    ("down", "base"),
    ("up", "heads"),
)
CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix", "items", ["name"], postgresql_concurrently=True)
"""


@pytest.fixture
def twin(fleet: Helped, tmp_path: Path) -> Iterator[Helped]:
    """The same project on a database of its own, with the same tenants."""
    fleet.revision("r4", "r3", CONCURRENTLY, 'op.drop_index("ix")')
    url = create_database(fleet.url, fleet.url.rpartition("/")[2].partition("?")[0])
    folder = tmp_path / "twin"
    shutil.copytree(fleet.folder, folder)
    (folder / "tenancy.toml").write_text(f'database_url = "{url}"\n')
    yield replace(fleet, folder=folder, url=url, shell=Shell(folder))
    drop_database(url)


@pytest.mark.parametrize(
    ("road", "options"),
    [("schema", ""), ("tenancy", ""), ("env", ""), ("live", ", transaction_per_migration=True")],
)
def test_every_road_leaves_what_plain_alembic_leaves(
    fleet: Helped, twin: Helped, road: str, options: str
):
    for project in (fleet, twin):
        project.env(options)
    for move, revision in MOVES:
        for identifier in ("acme", "bolt"):
            given = {"t": identifier, "r": revision}
            fleet.done(ROADS["alembic"][move].format(**given))
            twin.done(ROADS[road][move].format(**given))
        assert snapshot(fleet.url) == snapshot(twin.url), (move, revision)
    assert fleet.stands() == {"tenant_acme": "r4", "tenant_bolt": "r4"}


def test_roads_chosen_at_random(fleet: Helped, twin: Helped):
    chance = random.Random(7)
    for move, revision in MOVES:
        for project in (fleet, twin):
            road = ROADS[chance.choice(sorted(ROADS))]
            for identifier in ("acme", "bolt"):
                project.done(road[move].format(t=identifier, r=revision))
        assert snapshot(fleet.url) == snapshot(twin.url), (move, revision)
    again = fleet.done("tenancy upgrade")
    assert "2 already there" in again
