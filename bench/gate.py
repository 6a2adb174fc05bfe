"""Benchmark of the revision gate: requests with the gate warm, and without it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench.finding import Finding
from bench.fleet import make_fleet, schema
from bench.project import write_project
from bench.sizes import Size
from bench.web import TENANTS, WARM_S, race, serving
from fastapi_tenancy import SQLAlchemyTenantStore, Tenant
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database

_GOAL = 0.95


def gate_warm(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """Requests of one uvicorn worker, for every tenant of a fleet that is where it should be."""
    url = str(create_database(server.url()))
    try:
        make_fleet(url, TENANTS, tables=1)
        asyncio.run(_catalogue(url))
        with tempfile.TemporaryDirectory() as folder:
            ini = str(write_project(Path(folder), url, 1, []))
            gate = {
                "TENANCY_ALEMBIC_INI": ini,
                "TENANCY_WHEN_BEHIND": "refuse",
                "TENANCY_REVISION_TTL_S": WARM_S,
            }
            with serving("tenants", url, **gate) as ours, serving("tenants", url) as theirs:
                found = race({"gate": ours, "none": theirs}, size)
    finally:
        drop_database(url)
    mine, other = found["gate"], found["none"]
    return [
        Finding(
            "gate",
            f"requests/s: requests of {TENANTS} tenants through the middleware, with the gate warm",
            "the same without the gate",
            [a / b for a, b in zip(mine.per_second, other.per_second, strict=True)],
            "x",
            _GOAL,
            True,
            {
                "with the gate, requests/s": mine.per_second,
                "without, requests/s": other.per_second,
                "with the gate, processor time, ms": mine.worked_ms,
                "without, processor time, ms": other.worked_ms,
            },
        )
    ]


async def _catalogue(url: str) -> None:
    store = SQLAlchemyTenantStore(url)
    await store.initialize()
    await store.save_all(
        Tenant(id=f"t{n}", identifier=f"t{n}", schema_name=schema(n)) for n in range(TENANTS)
    )
    await store.close()
