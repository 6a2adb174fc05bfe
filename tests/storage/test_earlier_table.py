"""A catalogue that an earlier version made: told in words, and brought up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fastapi_tenancy.errors import ConfigurationError, TenantExistsError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import sync_url
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

# What 'initialize' of that version ran.
POSTGRESQL = (
    """CREATE TABLE tenants (
        id TEXT COLLATE "C" NOT NULL, identifier TEXT COLLATE "C" NOT NULL,
        name TEXT DEFAULT '' NOT NULL, status TEXT DEFAULT 'active' NOT NULL,
        tags JSONB DEFAULT '{}' NOT NULL, schema_name TEXT COLLATE "C", database_url TEXT,
        isolation_strategy TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
        PRIMARY KEY (id), UNIQUE (identifier))""",
    """CREATE UNIQUE INDEX tenants_schema_name_key ON tenants (schema_name)
        WHERE database_url IS NULL""",
    "CREATE INDEX tenants_created_at_id_idx ON tenants (created_at, id)",
)
SQLITE = (
    """CREATE TABLE tenants (
        id TEXT NOT NULL, identifier TEXT NOT NULL, name TEXT DEFAULT '' NOT NULL,
        status TEXT DEFAULT 'active' NOT NULL, tags JSON DEFAULT '{}' NOT NULL,
        schema_name TEXT, database_url TEXT, isolation_strategy TEXT,
        created_at DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')) NOT NULL,
        updated_at DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')) NOT NULL,
        PRIMARY KEY (id), UNIQUE (identifier),
        CONSTRAINT tenants_created_at_form
            CHECK (created_at LIKE '____-__-__ __:__:__.______'))""",
    *POSTGRESQL[1:],
)


@pytest.fixture(params=["sqlite", "postgresql"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a catalogue with two tenants, made by the version before hosts and shards."""
    if request.param == "sqlite":
        url, statements = f"sqlite:///{tmp_path}/tenancy.db", SQLITE
    else:
        url, statements = request.getfixturevalue("tenancy_database"), POSTGRESQL
    engine = sa.create_engine(sync_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(
            "INSERT INTO tenants (id, identifier, schema_name) VALUES ('1', 'acme', 'home'),"
            " ('2', 'bolt', 'other')"
        )
    engine.dispose()
    return url


@pytest.fixture
async def store(earlier: str) -> AsyncIterator[SQLAlchemyTenantStore]:
    made = SQLAlchemyTenantStore(earlier)
    yield made
    await made.close()


async def test_whoever_reads_or_writes_it_is_told_what_to_run(
    store: SQLAlchemyTenantStore,
) -> None:
    for work in (
        store.list(),
        store.get_by_host("acme.example.com"),
        store.create(Tenant(id="3", identifier="crux")),
        store.update(Tenant(id="1", identifier="acme")),
        store.save_all([Tenant(id="3", identifier="crux")]),
    ):
        with pytest.raises(
            ConfigurationError, match=r"lacks host or shard or common_name\. Run `tenancy tenants p"
        ):
            await work


async def test_it_gets_what_it_lacks_and_keeps_the_rest(store: SQLAlchemyTenantStore) -> None:
    await store.initialize()
    await store.initialize()
    assert [(t.identifier, t.host, t.shard) for t in await store.list()] == [
        ("acme", None, None),
        ("bolt", None, None),
    ]
    await store.create(Tenant(id="3", identifier="crux", schema_name="home", shard="eu"))
    with pytest.raises(TenantExistsError, match="schema_name 'home'"):
        await store.create(Tenant(id="4", identifier="dune", schema_name="home"))
    host = "a.example.com"
    await store.update(Tenant(id="1", identifier="acme", host=host))
    with pytest.raises(TenantExistsError, match="host"):
        await store.update(Tenant(id="2", identifier="bolt", host=host))


async def test_many_bring_it_up_to_date_at_once(earlier: str) -> None:
    stores = [SQLAlchemyTenantStore(earlier) for _ in range(8)]
    await asyncio.gather(*(store.initialize() for store in stores))
    for store in stores:
        assert await store.count() == 2
        await store.close()
