"""No two tenants meet in one place, and one that is gone is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import select

from fastapi_tenancy import SchemaIsolationProvider, Tenant, TenantSessions
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.sessions import database, owners
from fastapi_tenancy.sessions.owners import KNOWN_S, Owners
from houses import ACME, BOLT, Item, build, config_of, schema_sessions

DRIVERS = ("psycopg", "asyncpg")


class Clock:
    """A time that goes by when it is told to, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def at(tenant: Tenant, schema: str = "one", strategy: str = "schema") -> Target:
    return Target(schema, (tenant,), "server/db", strategy=IsolationStrategy(strategy))


def test_a_place_is_that_of_the_first_tenant_until_it_is_given_away() -> None:
    clock = Clock()
    known = Owners(clock)
    known.require(at(ACME))
    known.require(at(BOLT, "other"))
    known.require(at(replace(ACME, identifier="renamed")))
    with pytest.raises(PlacementError, match="'one' of tenant 'bolt' is that of tenant 'renamed'"):
        known.require(at(BOLT))
    known.forget(at(ACME))
    known.require(at(BOLT))
    with pytest.raises(PlacementError):
        known.require(at(ACME))
    clock.now += KNOWN_S
    known.require(at(ACME))


def test_shared_tables_are_everybodys() -> None:
    known = Owners()
    for tenant in (ACME, BOLT):
        known.require(at(tenant, strategy="rls"))


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_REMEMBERED", 3)
    known = Owners()
    for number in range(5):
        known.require(at(ACME, str(number)))
    known.require(at(BOLT, "0"))
    with pytest.raises(PlacementError):
        known.require(at(BOLT, "4"))


async def test_two_tenants_of_one_schema_do_not_see_each_other(
    opened: Callable[..., TenantSessions],
) -> None:
    sessions = opened()
    async with sessions.session(ACME) as session:
        assert await session.scalar(select(Item.name)) == "acme"
    twin = Tenant(id="twin", identifier="twin", schema_name="tenant_acme")
    with pytest.raises(PlacementError, match="is that of tenant 'acme' as well"):
        sessions.session(twin)
    with pytest.raises(PlacementError, match="is that of tenant 'acme' as well"):
        sessions.engine(twin)


def test_a_schema_that_all_search_is_no_tenants(tenancy_database: str) -> None:
    config = config_of(tenancy_database, "psycopg", search_path_extra=["shared"])
    with pytest.raises(PlacementError, match="searched for every tenant"):
        SchemaIsolationProvider(config).target(Tenant(id="1", identifier="a", schema_name="shared"))


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_schema_that_is_gone_is_noticed(
    tenancy_database: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tenancy_database, [ACME])
    monkeypatch.setattr(database, "KNOWN_S", 0)  # a minute, otherwise
    sessions = schema_sessions(tenancy_database, driver)
    async with sessions.session(ACME) as session:
        assert await session.scalar(select(Item.name)) == "acme"
    with psycopg.connect(tenancy_database) as connection:
        connection.execute(
            "DROP SCHEMA tenant_acme CASCADE; CREATE TABLE items (id int, name text)"
        )
    async with sessions.session(ACME) as session:
        with pytest.raises(PlacementError, match="has no schema 'tenant_acme'"):
            await session.scalar(select(Item.name))
    await sessions.close()


def test_a_database_that_two_tenants_name_is_ones() -> None:
    known = Owners()
    url = DatabaseUrl("postgresql://h/own")
    known.require(Target("", (replace(ACME, database_url=url),), "h/own"))
    with pytest.raises(PlacementError, match="the database 'h/own' of tenant 'bolt'"):
        known.require(Target("", (replace(BOLT, database_url=url),), "h/own"))
