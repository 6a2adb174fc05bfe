"""A new tenant is current from its first second, under every strategy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    Tenant,
    TenantStatus,
)
from fastapi_tenancy.errors import (
    ConfigurationError,
    PlacementError,
    ServerUnreachableError,
    TenantExistsError,
)
from fastapi_tenancy.model.event import Event, TargetFinished
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.provision.creating import create_tenant
from shelf import Shelf, tenant

Store = SQLAlchemyTenantStore


async def test_a_tenant_gets_its_row_its_schema_and_every_revision(
    shelf: Shelf, store: Store
) -> None:
    told: list[Event] = []
    wanted = tenant(name="Acme", tags={"tier": "gold"}, host="acme.example.com")
    made = await create_tenant(
        wanted, store=store, isolation=shelf.isolation(), listener=told.append
    )
    assert (made.status, made.tags, made.host) == (
        TenantStatus.ACTIVE,
        {"tier": "gold"},
        "acme.example.com",
    )
    assert made == await store.get_by_identifier("acme")
    assert shelf.stands("tenant_acme") == ["b2"]
    assert any(isinstance(event, TargetFinished) for event in told)


async def test_the_others_stay_where_they_are(shelf: Shelf, store: Store) -> None:
    isolation = shelf.isolation()
    await create_tenant(tenant(), store=store, isolation=isolation)
    shelf.revision("b3", "b2", 'op.create_table("more", sa.Column("id", sa.Integer))')
    await create_tenant(tenant("bolt"), store=store, isolation=isolation)
    assert (shelf.stands("tenant_acme"), shelf.stands("tenant_bolt")) == (["b2"], ["b3"])


async def test_a_database_of_its_own_is_made(shelf: Shelf, store: Store, template: str) -> None:
    isolation = shelf.isolation(isolation_strategy="database", database_url_template=template)
    await create_tenant(tenant(), store=store, isolation=isolation)
    assert shelf.stands("public", template.format(identifier="acme")) == ["b2"]


async def test_a_file_of_its_own_is_made(shelf: Shelf, store: Store, tmp_path: Path) -> None:
    template = f"sqlite:///{tmp_path}/files/{{identifier}}.db"
    isolation = shelf.isolation(isolation_strategy="database", database_url_template=template)
    made = await create_tenant(tenant(), store=store, isolation=isolation)
    assert made.status is TenantStatus.ACTIVE
    assert b"title" in (tmp_path / "files" / "acme.db").read_bytes()


async def test_shared_tables_are_made_by_the_first_and_left_alone_by_the_next(
    shelf: Shelf, store: Store
) -> None:
    isolation = shelf.isolation(isolation_strategy="rls")
    await create_tenant(tenant(), store=store, isolation=isolation)
    assert shelf.stands("public") == ["b2"]
    shelf.revision("b3", "b2", 'op.create_table("more", sa.Column("id", sa.Integer))')
    made = await create_tenant(tenant("bolt"), store=store, isolation=isolation)
    assert made.status is TenantStatus.ACTIVE
    assert shelf.stands("public") == ["b2"]


async def test_in_a_mixed_fleet_each_lives_as_it_says(
    shelf: Shelf, store: Store, template: str
) -> None:
    isolation = shelf.isolation(isolation_strategy="hybrid", database_url_template=template)
    await create_tenant(tenant(), store=store, isolation=isolation)
    own = tenant("bolt", isolation_strategy=IsolationStrategy.DATABASE)
    await create_tenant(own, store=store, isolation=isolation)
    assert shelf.schemas() == ["tenant_acme"]
    assert shelf.stands("public", template.format(identifier="bolt")) == ["b2"]


async def test_an_empty_schema_that_is_there_is_taken(shelf: Shelf, store: Store) -> None:
    with psycopg.connect(shelf.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tenant_acme")
    await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert shelf.stands("tenant_acme") == ["b2"]


@pytest.mark.parametrize(
    "left",
    [
        "CREATE TABLE tenant_acme.secrets (id int)",
        "CREATE TYPE tenant_acme.mood AS ENUM ('good')",
        "CREATE FUNCTION tenant_acme.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
async def test_nobody_is_put_where_something_was_left(
    shelf: Shelf, store: Store, left: str
) -> None:
    with psycopg.connect(shelf.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tenant_acme")
        connection.execute(left.encode())
    with pytest.raises(PlacementError, match=r"'tenant_acme' holds something.*tenants add"):
        await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert await store.count() == 0


async def test_nobody_is_put_into_a_database_or_a_file_where_something_was_left(
    shelf: Shelf, store: Store, template: str, tmp_path: Path
) -> None:
    isolation = shelf.isolation(isolation_strategy="database", database_url_template=template)
    await create_tenant(tenant(), store=store, isolation=isolation)
    files = f"sqlite:///{tmp_path}/{{identifier}}.db"
    elsewhere = shelf.isolation(isolation_strategy="database", database_url_template=files)
    await create_tenant(tenant("bolt"), store=store, isolation=elsewhere)
    for identifier, where in (("acme", isolation), ("bolt", elsewhere)):
        await store.delete(f"id-{identifier}", hard=True)
        with pytest.raises(PlacementError, match=r"the database .* holds something already"):
            await create_tenant(tenant(identifier), store=store, isolation=where)
    assert await store.count() == 0


@pytest.mark.parametrize("status", [s for s in TenantStatus if s is not TenantStatus.PROVISIONING])
async def test_one_that_exists_is_left_alone(
    shelf: Shelf, store: Store, status: TenantStatus
) -> None:
    there = await store.create(tenant(status=status))
    with pytest.raises(TenantExistsError, match=f"'acme' exists already .id 'id-acme', {status}"):
        await create_tenant(tenant(), store=store, isolation=shelf.isolation())
    assert await store.get_by_identifier("acme") == there
    assert shelf.schemas() == []


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (tenant("ac-me", id="1"), "is taken by tenant 'ac-me' .id '1', active"),
        (
            tenant("ac-me", id="1", status=TenantStatus.DELETED),
            r"is taken by tenant 'ac-me' .id '1', deleted",
        ),
        (
            tenant("bolt", id="1", schema_name="tenant_ac_me"),
            "the schema 'tenant_ac_me' belongs to tenant 'bolt' .active. already",
        ),
        (tenant("bolt", id="ac_me"), "the identifier 'ac_me' is the id of tenant 'bolt'"),
        (tenant("id-ac_me", id="1"), "the id 'id-ac_me' is the identifier of another"),
        (tenant("bolt", id="id-ac_me"), "the id 'id-ac_me' of tenant 'ac_me' is taken"),
        (tenant("bolt", id="1", host="a.example"), "the host 'a.example' of tenant"),
    ],
)
async def test_what_is_anothers_is_refused_and_nothing_is_left(
    shelf: Shelf, store: Store, other: Tenant, match: str
) -> None:
    await store.create(other)
    wanted = tenant("ac_me", host="a.example")
    with pytest.raises(TenantExistsError, match=match):
        await create_tenant(wanted, store=store, isolation=shelf.isolation())
    assert [t.identifier async for t in store.stream()] == [other.identifier]
    assert shelf.schemas() == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"identifier": "x" * 60}, PlacementError),
        ({"schema_name": "public"}, PlacementError),
        ({"isolation_strategy": IsolationStrategy.RLS}, PlacementError),
        ({"identifier": ""}, ConfigurationError),
        ({"host": "no host"}, ConfigurationError),
    ],
)
async def test_what_cannot_be_is_refused_before_anything(
    shelf: Shelf, store: Store, given: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await create_tenant(tenant(**given), store=store, isolation=shelf.isolation())
    assert await store.count() == 0
    assert shelf.schemas() == []


async def test_a_server_that_is_down_leaves_nothing(shelf: Shelf, store: Store) -> None:
    down = shelf.isolation(database_url="postgresql://u:geheim@127.0.0.1:1/none")
    with pytest.raises(ServerUnreachableError) as caught:
        await create_tenant(tenant(), store=store, isolation=down)
    assert "geheim" not in str(caught.value)
    assert await store.count() == 0


async def test_one_of_two_at_once_is_told(shelf: Shelf, store: Store) -> None:
    isolation = shelf.isolation()
    for round_ in range(4):
        wanted = tenant(f"t{round_}")
        results = await asyncio.gather(
            *(create_tenant(wanted, store=store, isolation=isolation) for _ in range(3)),
            return_exceptions=True,
        )
        assert len([r for r in results if isinstance(r, Tenant)]) == 1, results
        assert len([r for r in results if isinstance(r, TenantExistsError)]) == 2, results
        assert shelf.stands(f"tenant_t{round_}") == ["b2"]


async def test_of_two_names_for_one_place_at_most_one_gets_it(shelf: Shelf, store: Store) -> None:
    isolation = shelf.isolation()
    results = await asyncio.gather(
        *(
            create_tenant(tenant(name), store=store, isolation=isolation)
            for name in ("a-b", "a_b", "a.b")
        ),
        return_exceptions=True,
    )
    made = [r for r in results if isinstance(r, Tenant)]
    refused = [r for r in results if isinstance(r, (TenantExistsError, PlacementError))]
    assert (len(made) <= 1, len(made) + len(refused)) == (True, 3), results
    assert [t.identifier async for t in store.stream()] == [t.identifier for t in made]


async def test_an_application_creates_tenants_through_its_manager(shelf: Shelf) -> None:
    async with TenancyManager(TenancyConfig(database_url=shelf.url)) as manager:
        made = await manager.create_tenant(tenant())
        assert made == await manager.tenant_store.get_by_identifier("acme")
        assert made.status is TenantStatus.ACTIVE
    assert shelf.stands("tenant_acme") == ["b2"]
