"""The race of env.py itself: our worker processes against a process pool of plain Alembic."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alembic import command
from alembic.config import Config

from bench.arena import Arena, arena
from bench.contenders import CONNECTIONS, fleet_run, tenants
from bench.finding import Finding, times_faster
from bench.fleet import schema
from bench.project import TABLES, additive, revision_id
from bench.races import Race, run_race
from bench.sizes import Size
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.env.crew import crew_size
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.testing.postgres import EmbeddedPostgres


def env_road(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """An additive revision with ``--engine env``, against as many processes of plain Alembic."""
    count = size.env
    bodies = [additive(n) for n in range(1, size.rounds + 2)]
    with arena(server, count=2 * count, tables=TABLES, bodies=bodies) as place:
        ours, theirs = iter(range(1, len(bodies) + 1)), iter(range(1, len(bodies) + 1))
        race: Race = {
            "engine": lambda: _engine(place, count, revision_id(next(ours))),
            "pool": lambda: _pool(place, count, revision_id(next(theirs))),
        }
        found = run_race(race, size.rounds)
    name = f"--engine env: one additive revision, {count} schemas of {TABLES} tables"
    against = f"plain Alembic in {crew_size(CONNECTIONS)} processes"
    return [times_faster("env", name, against, found["engine"], found["pool"], goal=1.0)]


def _engine(place: Arena, count: int, revision: str) -> float:
    isolation = SchemaIsolationProvider(TenancyConfig(database_url=place.url))
    fleet = list(tenants(range(count)))

    def work() -> None:
        fleet_run(place.ini, isolation, fleet, revision, engine=Engine.ENV)

    return place.timed(work) / count


def _pool(place: Arena, count: int, revision: str) -> float:
    schemas = [schema(n) for n in range(count, 2 * count)]
    return place.timed(lambda: _run_pool(place.ini, schemas, revision)) / count


def _run_pool(ini: Path, schemas: Sequence[str], revision: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(crew_size(CONNECTIONS), mp_context=spawn) as pool:
        for done in [pool.submit(upgrade, str(ini), name, revision) for name in schemas]:
            done.result()


def upgrade(ini: str, name: str, revision: str) -> None:
    """Plain Alembic for one schema, in a process of the pool."""
    config = Config(ini)
    config.attributes["schema"] = name
    command.upgrade(config, revision)
