"""Benchmark of creating: a tenant of a long history, against its bare script and plain Alembic."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.contenders import alembic
from bench.finding import Finding
from bench.project import additive, write_project
from bench.sizes import Size
from fastapi_tenancy import TenancyConfig, TenancyManager, Tenant
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.provision.baselines.dumping import dump
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database

REVISIONS = 200
TABLES = 10


def tenants_created(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """One tenant after the other in a process that has made one before."""
    url = str(create_database(server.url()))
    try:
        with tempfile.TemporaryDirectory() as folder:
            bodies = [additive(number) for number in range(1, REVISIONS)]
            ini = write_project(Path(folder), url, TABLES, bodies)
            return asyncio.run(_race(url, ini, size.rounds))
    finally:
        drop_database(url)


async def _race(url: str, ini: Path, rounds: int) -> list[Finding]:
    config = TenancyConfig(database_url=url, alembic_ini=ini)
    ours: list[float] = []
    bare: list[float] = []
    plain: list[float] = []
    async with TenancyManager(config) as manager:
        first = await manager.create_tenant(Tenant(id="first", identifier="first"))
        script = _script(manager.isolation_provider.target(first))
        for number in range(rounds):
            name = f"t{number}"
            with _timed(ours):
                await manager.create_tenant(Tenant(id=name, identifier=name))
            with _timed(bare), psycopg.connect(url, autocommit=True) as connection:
                text = script.replace("tenant_first", f"bare_{number}")
                connection.execute(f"BEGIN; CREATE SCHEMA bare_{number}; {text} COMMIT".encode())
            with _timed(plain):
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f"CREATE SCHEMA plain_{number}".encode())
                alembic(ini, [f"plain_{number}"], "head")
    return _findings(ours, bare, plain)


def _script(target: Target) -> str:
    with psycopg.connect(target.address) as connection:
        major = connection.info.server_version // 10000
    return dump(target, major)


@contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    gc.collect()
    began = time.perf_counter()
    yield
    into.append((time.perf_counter() - began) * 1000)


def _findings(ours: list[float], bare: list[float], plain: list[float]) -> list[Finding]:
    parts = {"ours, ms": ours, "the script alone, ms": bare, "plain Alembic, ms": plain}
    made = f"a schema tenant of {REVISIONS} revisions, entered, made, read back, active"
    limit, peer = "its pg_dump script, sent by one connection", "CREATE SCHEMA and plain Alembic"
    slower = [a / b for a, b in zip(ours, bare, strict=True)]
    faster = [b / a for a, b in zip(ours, plain, strict=True)]
    return [
        Finding("creating", made, limit, slower, "x the time", 1.5, False, parts),
        Finding("creating", made, peer, faster, "x", 20.0, True, parts),
    ]
