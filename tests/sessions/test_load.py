"""Under load, with everything cut short that can be, no tenant meets another's rows."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from alive import alive
from fastapi_tenancy import SchemaIsolationProvider, Tenant, TenantSessions
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from houses import config_of
from pooler import PROGRAM, pooled
from storm import Storm, cutting

TENANTS = [Tenant(id=f"t{n}", identifier=f"t{n}") for n in range(12)]
TABLE = "CREATE TABLE {}.notes (id text PRIMARY KEY, owner text NOT NULL)"
TASKS = 300
POOL: dict[str, Any] = {
    "session_pool_size": 3,
    "session_max_overflow": 3,
    "session_connections": 6,
}


def build_schemas(connection: psycopg.Connection) -> None:
    for tenant in TENANTS:
        schema = f"tenant_{tenant.identifier}"
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(TABLE.format(schema).encode())
        row = f"INSERT INTO {schema}.notes VALUES ('0', '{tenant.identifier}')"
        connection.execute(row.encode())
    # What a session astray would find without an error.
    connection.execute(TABLE.format("public").encode())
    connection.execute("INSERT INTO public.notes VALUES ('0', 'public')")


def build_shared(connection: psycopg.Connection, role: str) -> None:
    connection.execute(TABLE.format("public").encode())
    for tenant in TENANTS:
        row = f"INSERT INTO notes VALUES ('{tenant.id}', '{tenant.identifier}')"
        connection.execute(row.encode())
    policy = "CREATE POLICY own ON notes USING (owner = current_setting('app.tenant_id', true))"
    connection.execute(policy.encode())
    connection.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")
    connection.execute(f'CREATE ROLE "{role}"; GRANT ALL ON notes TO "{role}"'.encode())


@pytest.fixture(params=["direct", "pooled"])
def line(request: pytest.FixtureRequest, tenancy_database: str) -> Iterator[str]:
    """The address that sessions get: the server's, or that of a pooler with three connections."""
    if request.param == "direct":
        yield tenancy_database
        return
    if PROGRAM is None and "CI" not in os.environ:
        pytest.skip("PgBouncer is not installed")
    with pooled(tenancy_database, size=3) as through:
        yield through


@pytest.fixture
def role(tenancy_database: str) -> Iterator[str]:
    """The name of a role that is dropped after the test."""
    name = f"load_{psycopg.conninfo.conninfo_to_dict(tenancy_database)['dbname']}"
    yield name
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            connection.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"'.encode())


def open_sessions(url: str, line: str, driver: str, way: str, role: str) -> TenantSessions:
    with psycopg.connect(url) as connection:
        if way == "rls":
            build_shared(connection, role)
            config = config_of(line, driver, rls_role=role, **POOL)
            return TenantSessions(RLSIsolationProvider(config))
        build_schemas(connection)
        config = config_of(line, driver, session_schema=way, **POOL)
        return TenantSessions(SchemaIsolationProvider(config))


def owners(url: str, way: str) -> dict[str, str]:
    """Who owns each row, by the place that it is in; rows of schemas also say so themselves."""
    found = {}
    with psycopg.connect(url) as connection:
        for tenant in TENANTS:
            schema = "public" if way == "rls" else f"tenant_{tenant.identifier}"
            query = f"SELECT id, owner FROM {schema}.notes".encode()
            for key, owner in connection.execute(query).fetchall():
                assert way == "rls" or owner == tenant.identifier
                found[key] = owner
        left = connection.execute("SELECT count(*) FROM public.notes").fetchone()
        assert way == "rls" or left == (1,), "rows went astray"
    return found


# A stream that is cut leaves psycopg's cursor, whose line is gone, to be collected.
@pytest.mark.filterwarnings("ignore:<psycopg.AsyncServerCursor:ResourceWarning")
@pytest.mark.slow
@pytest.mark.parametrize("way", ["search_path", "schema_translate_map", "rls"])
async def test_no_tenant_meets_another(
    tenancy_database: str,
    line: str,
    driver: str,
    way: str,
    role: str,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("CRITICAL", "sqlalchemy")  # which tells of lines that are cut, rightly
    sessions = open_sessions(tenancy_database, line, driver, way, role)
    storm = Storm(sessions, TENANTS, seed=len(way))
    await storm.blow(TASKS, at_once=60)
    assert storm.ends["cut"] == 0
    blowing = asyncio.create_task(storm.blow(TASKS, at_once=60))
    ended = await cutting(tenancy_database, blowing)
    await blowing

    assert storm.mixed == []
    assert ended > 0
    assert min(storm.ends[how] for how in ("done", "cancelled", "OwnError", "cut")) > 0, storm.ends
    there = owners(tenancy_database, way)
    assert {key: there.get(key) for key in storm.written} == storm.written

    assert len(alive()) <= POOL["session_connections"]
    async with asyncio.timeout(20):  # every place in the pool can be had
        held = 6 if line == tenancy_database else 3
        await Storm(sessions, TENANTS, seed=1).calm(held)
    await sessions.close()
    gc.collect()
    assert alive() == []
