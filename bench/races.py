"""Benchmarks of speed: each contender in each round, in an order that turns from round to round."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from bench import contenders
from bench.arena import Arena, arena
from bench.finding import Finding, times_faster
from bench.fleet import schema
from bench.project import FIRST, TABLES, additive, reading, revision_id
from bench.sizes import Size
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.observe.positions import read_positions
from fastapi_tenancy.testing.postgres import EmbeddedPostgres

Race = dict[str, Callable[[], float]]
"""Contenders by name; each takes a turn and returns its milliseconds per tenant."""


def run_race(race: Race, rounds: int) -> dict[str, list[float]]:
    """Run every contender once in each round; a first round, which warms up, is not counted."""
    found: dict[str, list[float]] = {name: [] for name in race}
    for number in range(rounds + 1):
        names = list(race) if number % 2 else list(reversed(race))
        for name in names:
            taken = race[name]()
            if number:
                found[name].append(taken)
    return found


def additive_revision(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """ADD COLUMN, CREATE INDEX and the version row over a fleet of ten tables each."""
    count, sample = size.additive, size.sample
    bodies = [additive(n) for n in range(1, 2 * (size.rounds + 1) + 1)]
    with arena(server, count=count + sample, tables=TABLES, bodies=bodies) as place:
        race: Race = {
            "engine": lambda: _engine(place, count, _next(place, 0)),
            "bare driver": lambda: _driver(place, count, _at(place, 0), _next(place, 0)),
            "plain Alembic": lambda: _alembic(place, count, sample, _next(place, count)),
        }
        found = run_race(race, size.rounds)
    ours = f"one additive revision, {count} schemas of {TABLES} tables"
    return [
        times_faster("additive", ours, against, found["engine"], found[against], goal=goal)
        for against, goal in (("bare driver", 0.7), ("plain Alembic", 15.0))
    ]


def live_revision(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """A revision that reads rows through ``op.get_bind()`` and writes what it made of them."""
    count, sample = size.live, size.sample
    bodies = [reading(n) for n in range(1, size.rounds + 2)]
    with arena(server, count=count + sample, tables=TABLES, bodies=bodies, rows=3) as place:
        race: Race = {
            "engine": lambda: _engine(place, count, _next(place, 0)),
            "plain Alembic": lambda: _alembic(place, count, sample, _next(place, count)),
        }
        found = run_race(race, size.rounds)
    ours = f"a live revision that reads and writes rows, {count} schemas"
    return [
        times_faster(
            "live", ours, "plain Alembic", found["engine"], found["plain Alembic"], goal=4.0
        )
    ]


def nothing_to_do(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """``upgrade`` of a fleet that is there already, and reading the position of each tenant."""
    count, sample = size.noop, size.sample
    with arena(server, count=count, tables=1, bodies=[]) as place:
        race: Race = {
            "upgrade": lambda: _engine(place, count, FIRST),
            "status": lambda: _status(place, count),
            "plain Alembic": lambda: _alembic(place, 0, sample, FIRST),
        }
        found = run_race(race, size.rounds)
    return [
        times_faster(
            "no-op",
            f"{ours} with nothing to do, {count} schemas",
            "plain Alembic",
            found[ours],
            found["plain Alembic"],
            goal=40.0,
        )
        for ours in ("upgrade", "status")
    ]


def _at(place: Arena, number: int) -> str:
    """The revision of a tenant now, whoever brought it there."""
    with psycopg.connect(place.url) as connection:
        query = f'SELECT version_num FROM "{schema(number)}".alembic_version'
        rows = connection.execute(query.encode()).fetchall()
    return str(rows[0][0])


def _next(place: Arena, number: int) -> str:
    """The revision after that of a tenant."""
    return revision_id(int(_at(place, number).removeprefix("rev")) + 1)


def _engine(place: Arena, count: int, revision: str) -> float:
    def work() -> None:
        contenders.engine(place.ini, place.url, range(count), revision)

    return place.timed(work) / count


def _driver(place: Arena, count: int, before: str, after: str) -> float:
    script = contenders.rendered(place.ini, before, after)
    schemas = [schema(n) for n in range(count)]
    return place.timed(lambda: contenders.driver(place.url, schemas, script)) / count


def _alembic(place: Arena, first: int, sample: int, revision: str) -> float:
    schemas = [schema(n) for n in range(first, first + sample)]
    return place.timed(lambda: contenders.alembic(place.ini, schemas, revision)) / sample


def _status(place: Arena, count: int) -> float:
    isolation = SchemaIsolationProvider(TenancyConfig(database_url=place.url))

    def work() -> None:
        resolved = resolve(isolation, contenders.tenants(range(count)))
        schemas = [t.schema for t in resolved.targets]
        with psycopg.connect(place.url, autocommit=True) as connection:
            found = sum(
                p.heads == (FIRST,) for p in read_positions(connection, schemas, "alembic_version")
            )
        if found != count:
            raise RuntimeError(f"{found} of {count} tenants were found at {FIRST}")

    return place.timed(work) / count
