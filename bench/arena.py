"""The place of one benchmark: a fresh database with its fleet, and a project that fits it."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.fleet import make_fleet
from bench.project import write_project
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database


@dataclass(frozen=True, slots=True)
class Arena:
    """A project and the database its tenants live in."""

    ini: Path
    url: str

    def timed(self, work: Callable[[], object]) -> float:
        """Milliseconds of ``work``, begun with a settled server and nothing to collect."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        gc.collect()
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1000


@contextmanager
def arena(
    server: EmbeddedPostgres, *, count: int, tables: int, bodies: Sequence[str], rows: int = 0
) -> Iterator[Arena]:
    """Make a database with ``count`` schemas of ``tables`` tables, and drop it at the end."""
    url = str(create_database(server.url()))
    try:
        with tempfile.TemporaryDirectory(prefix="tenancy-bench-") as folder:
            ini = write_project(Path(folder), url, tables, bodies)
            make_fleet(url, count, tables, rows)
            yield Arena(ini, url)
    finally:
        drop_database(url)
