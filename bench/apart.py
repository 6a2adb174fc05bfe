"""Races over tenants that have a database or a file each."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from bench.contenders import crowd, fleet_run, rendered
from bench.finding import Finding, times_faster
from bench.project import FIRST, TABLES, additive, revision_id, tables_sql, write_project
from bench.races import Race, run_race
from bench.sizes import Size
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl, database_of, sync_url, with_database
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database

_VERSIONS = (
    "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def databases(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """An additive revision, against connecting to each database and sending it the script."""
    bodies = [additive(n) for n in range(1, 2 * (size.rounds + 1) + 1)]
    with _databases(server, size.databases) as urls, tempfile.TemporaryDirectory() as folder:
        ini = write_project(Path(folder), urls[0], TABLES, bodies)
        steps = iter(range(1, len(bodies) + 1))

        def engine() -> float:
            after = next(steps)
            return _timed(lambda: _engine(ini, urls, revision_id(after)), len(urls), urls[0])

        def bare() -> float:
            after = next(steps)
            script = rendered(ini, revision_id(after - 1), revision_id(after))
            return _timed(lambda: _bare(urls, script), len(urls), urls[0])

        found = run_race({"engine": engine, "bare": bare}, size.rounds)
    ours = f"one additive revision, {size.databases} databases of {TABLES} tables"
    against = "bare connect and script"
    return [times_faster("databases", ours, against, found["engine"], found["bare"], goal=0.8)]


def files(_server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """An additive revision over SQLite files, against plain Alembic."""
    bodies = [additive(n) for n in range(1, size.rounds + 2)]
    with tempfile.TemporaryDirectory(prefix="tenancy-bench-") as folder:
        urls = _files(Path(folder), size.files + size.sample)
        ini = write_project(Path(folder), urls[0], TABLES, bodies)
        ours, sample = urls[: size.files], urls[size.files :]
        mine, theirs = (iter(range(1, len(bodies) + 1)) for _ in range(2))
        race: Race = {
            "engine": lambda: _timed(
                lambda: _engine(ini, ours, revision_id(next(mine))), len(ours)
            ),
            "plain Alembic": lambda: _timed(
                lambda: _alembic(ini, sample, revision_id(next(theirs))), len(sample)
            ),
        }
        found = run_race(race, size.rounds)
    named = f"one additive revision, {size.files} SQLite files of {TABLES} tables"
    return [
        times_faster(
            "files", named, "plain Alembic", found["engine"], found["plain Alembic"], goal=5.0
        )
    ]


def _engine(ini: Path, urls: Sequence[str], revision: str) -> None:
    config = TenancyConfig(isolation_strategy=IsolationStrategy.DATABASE)
    fleet = [
        Tenant(id=f"id-{n}", identifier=f"tenant-{n}", database_url=DatabaseUrl(url))
        for n, url in enumerate(urls)
    ]
    fleet_run(ini, DatabaseIsolationProvider(config), fleet, revision)


def _bare(urls: Sequence[str], script: str) -> None:
    queue, taking = iter(urls), threading.Lock()

    def serve() -> None:
        while True:
            with taking:
                url = next(queue, None)
            if url is None:
                return
            with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
                connection.execute(script.encode())

    crowd(serve)


def _alembic(ini: Path, urls: Sequence[str], revision: str) -> None:
    config = Config(str(ini))
    for url in urls:
        config.attributes["url"] = sync_url(url)
        command.upgrade(config, revision)


def _timed(work: Callable[[], object], count: int, url: str | None = None) -> float:
    """Milliseconds per tenant."""
    if url is not None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
    gc.collect()
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000 / count


@contextmanager
def _databases(server: EmbeddedPostgres, count: int) -> Iterator[list[str]]:
    template = str(create_database(server.url()))
    made: list[str] = []
    try:
        with psycopg.connect(template, autocommit=True) as connection:
            connection.execute(f"{_VERSIONS}; {tables_sql(TABLES)}".encode())
            connection.execute("INSERT INTO alembic_version VALUES (%s)", [FIRST])
        with psycopg.connect(server.url(), autocommit=True) as connection:
            name = database_of(template)
            for number in range(count):
                made.append(str(with_database(template, f"{name}_{number}")))
                connection.execute(f'CREATE DATABASE "{name}_{number}" TEMPLATE "{name}"'.encode())
        yield made
    finally:
        for url in (*made, template):
            drop_database(url)


def _files(folder: Path, count: int) -> list[str]:
    first = folder / "tenant_0.db"
    with closing(sqlite3.connect(first)) as connection, connection:
        connection.execute(_VERSIONS)
        connection.execute("INSERT INTO alembic_version VALUES (?)", [FIRST])
        for statement in tables_sql(TABLES).replace("now()", "CURRENT_TIMESTAMP").split(";"):
            connection.execute(statement)
    copies = [folder / f"tenant_{n}.db" for n in range(1, count)]
    for copy in copies:
        shutil.copyfile(first, copy)
    return [f"sqlite:///{file}" for file in (first, *copies)]
