"""In a mix of strategies, each tenant's session is that of its own."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import select, text

from fastapi_tenancy import IsolationStrategy, Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.hybrid import HybridIsolationProvider
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.model.session import SchemaAccess
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.databases import create_database, drop_database
from houses import ACME, BOLT, Item, build, config_of


async def test_each_tenant_by_its_own_strategy(url: str, driver: str):
    own = create_database(url)
    with psycopg.connect(own) as connection:
        connection.execute("CREATE TABLE items (id serial, name text)")
        connection.execute("INSERT INTO items (name) VALUES ('gold')")
    gold = Tenant(
        id="g",
        identifier="gold",
        database_url=DatabaseUrl(own),
        isolation_strategy=IsolationStrategy.DATABASE,
    )
    shared = Tenant(id="s", identifier="small", isolation_strategy=IsolationStrategy.RLS)
    sessions = TenantSessions(HybridIsolationProvider(config_of(url, driver)))
    await sessions.check()
    async with (
        sessions.session(gold) as one,
        sessions.session(ACME) as two,
        sessions.session(BOLT) as three,
    ):
        for session, name in ((one, "gold"), (two, "acme"), (three, "bolt")):
            assert list(await session.scalars(select(Item.name))) == [name]
    with pytest.raises(ConfigurationError, match="is a superuser"):
        async with sessions.session(shared) as session:
            await session.execute(text("SELECT 1"))
    await sessions.close()
    drop_database(own)


async def test_a_tier_of_shared_tables_is_checked_at_start(url: str, driver: str):
    config = config_of(url, driver, standard_isolation_strategy="rls")
    sessions = TenantSessions(HybridIsolationProvider(config))
    with pytest.raises(ConfigurationError, match="is a superuser"):
        await sessions.check()
    await sessions.close()


async def test_tenants_on_several_servers(url: str, driver: str):
    other = create_database(url)
    build(other, [Tenant(id="3", identifier="crux")])
    shards = {"b": {"url": f"{other}".replace("://", "+asyncpg://", 1)}}
    sessions = TenantSessions(HybridIsolationProvider(config_of(url, driver, shards=shards)))
    crux = Tenant(id="3", identifier="crux", shard="b")
    async with sessions.session(ACME) as here, sessions.session(crux) as there:
        assert list(await here.scalars(select(Item.name))) == ["acme"]
        assert list(await there.scalars(select(Item.name))) == ["crux"]
        assert here.bind.dialect.driver == driver
        assert there.bind.dialect.driver == "asyncpg"
    await sessions.close()
    drop_database(other)


async def test_each_server_is_checked_and_one_that_is_down_waits(url: str, driver: str):
    down = {"down": {"url": "postgresql://127.0.0.1:1/shop"}}
    own = config_of(url, driver, shards=down, rls_role="pg_monitor", isolation_strategy="rls")
    sessions = TenantSessions(RLSIsolationProvider(own))
    await sessions.check()
    superuser = config_of(url, driver, shards=down, isolation_strategy="rls")
    refused = TenantSessions(RLSIsolationProvider(superuser))
    with pytest.raises(ConfigurationError, match="is a superuser"):
        await refused.check()
    for made in (sessions, refused):
        await made.close()


async def test_policies_hold_in_every_place_of_a_mix(url: str, driver: str):
    """One history makes the tables of all tenants, so those with a schema have policies too."""
    role = f"mixed_{conninfo_to_dict(url)['dbname']}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE POLICY own ON tenant_acme.items"
            " USING (name = current_setting('app.tenant_id', true));"
            "ALTER TABLE tenant_acme.items ENABLE ROW LEVEL SECURITY,"
            f' FORCE ROW LEVEL SECURITY; CREATE ROLE "{role}" LOGIN;'
            f' GRANT USAGE ON SCHEMA tenant_acme TO "{role}";'
            f' GRANT SELECT ON tenant_acme.items TO "{role}"'.encode()
        )
        connection.execute("INSERT INTO tenant_acme.items (name) VALUES ('another')")
        user = str(conninfo_to_dict(url)["user"])
        config = config_of(url.replace(f"//{user}@", f"//{role}@"), driver, rls_field="identifier")
        for way in ("search_path", "schema_translate_map"):
            own = config.model_copy(update={"session_schema": SchemaAccess(way)})
            sessions = TenantSessions(HybridIsolationProvider(own))
            async with sessions.session(ACME) as session:
                assert list(await session.scalars(select(Item.name))) == ["acme"]
            await sessions.close()
        connection.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"'.encode())


ODD = """
CREATE SCHEMA {schema};
CREATE TABLE {schema}.orders (tenant_id text NOT NULL);
CREATE POLICY own ON {schema}.orders USING (tenant_id = current_setting('app.tenant_id', true));
ALTER TABLE {schema}.orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.orders OWNER TO {role}
"""


@pytest.mark.parametrize(
    ("schema", "settings", "refused"),
    [
        ("shop", {}, True),
        ("shop", {"schema_prefix": "sho"}, False),
        ("shop", {"schema_prefix": "sho", "search_path_extra": ("public", "shop")}, True),
        ("shop", {"schema_prefix": ""}, True),
        ("shop", {"schema_pattern": "s%p"}, False),
        ("tenant_1", {}, False),
    ],
)
async def test_shared_tables_outside_of_the_search_path_are_looked_at(
    url: str, driver: str, schema: str, settings: dict[str, Any], refused: bool
):
    role = f"owner_{conninfo_to_dict(url)['dbname']}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}" LOGIN'.encode())
        connection.execute(ODD.format(schema=schema, role=f'"{role}"').encode())
        user = str(conninfo_to_dict(url)["user"])
        config = config_of(
            url.replace(f"//{user}@", f"//{role}@"),
            driver,
            standard_isolation_strategy="rls",
            isolation_strategy="hybrid",
            **settings,
        )
        sessions = TenantSessions(HybridIsolationProvider(config))
        if refused:
            with pytest.raises(ConfigurationError, match=f"owns {schema}.orders .*FORCE ROW"):
                await sessions.check()
        else:
            await sessions.check()
        await sessions.close()
        connection.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"'.encode())
