"""The readiness endpoint: counts the fleet, names nobody, and asks the databases seldom."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException

from fastapi_tenancy import TenancyManager, Tenant, TenantStatus, readiness_router
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.revisions.looking import Looker
from fastapi_tenancy.revisions.opening import open_judges
from fastapi_tenancy.revisions.share import REST, SharedCount
from fastapi_tenancy.testing.databases import create_database, drop_database
from fleet import Clock, Fleet, application
from serving import client, started


def ready(manager: TenancyManager, *args: object, **given: object) -> FastAPI:
    """An application with the endpoint."""
    app = application(manager)
    app.include_router(readiness_router(manager, *args, **given))
    return app


async def probe(app: FastAPI, path: str = "/readyz") -> httpx.Response:
    """Ask once."""
    async with started(app), client(app) as http:
        return await http.get(path)


async def test_enough_tenants_are_ready(fleet: Fleet) -> None:
    await fleet.at("t3")
    await fleet.store.create(Tenant(id="8", identifier="new", status=TenantStatus.PROVISIONING))
    answer = await probe(ready(TenancyManager(fleet.config())))
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "share": 1.0,
        "least": 0.9,
        "tenants": 3,
        "there": 3,
        "behind": 0,
        "beyond": 0,
        "unreadable": 0,
    }


async def test_too_few_are_not(fleet: Fleet) -> None:
    await fleet.at("t3", "acme")
    await fleet.at("t2", "bolt")
    await fleet.store.create(Tenant(id="9", identifier="dune"))
    await fleet.at("t3", "dune")
    fleet.set_position("tenant_dune", "of_a_later_release")
    answer = await probe(ready(TenancyManager(fleet.config())))
    assert answer.status_code == 503
    found = answer.json()
    assert (found["ready"], found["share"], found["tenants"]) == (False, 0.25, 4)
    assert (found["there"], found["behind"], found["beyond"]) == (1, 2, 1)
    assert "acme" not in answer.text
    enough = fleet.config(ready_share=0.25)
    assert (await probe(ready(TenancyManager(enough), "/ready"), "/ready")).status_code == 200


async def test_where_requests_migrate_they_are_let_in(fleet: Fleet) -> None:
    answer = await probe(ready(TenancyManager(fleet.config(when_behind="migrate"))))
    assert (answer.status_code, answer.json()["share"]) == (200, 0.0)


async def test_a_range_counts_as_for_requests(fleet: Fleet) -> None:
    await fleet.at("t2")
    answer = await probe(ready(TenancyManager(fleet.config(required_revision="t2.."))))
    assert (answer.status_code, answer.json()["there"]) == (200, 3)


async def test_a_fleet_of_nobody_is_ready(fleet: Fleet) -> None:
    for number in range(3):
        await fleet.store.delete(str(number))
    answer = await probe(ready(TenancyManager(fleet.config())))
    assert (answer.status_code, answer.json()["share"], answer.json()["tenants"]) == (200, 1.0, 0)


async def test_databases_of_their_own_are_counted(fleet: Fleet) -> None:
    url = create_database(fleet.url)
    try:
        await fleet.store.update(Tenant(id="0", identifier="acme", database_url=url))
        await fleet.store.update(
            Tenant(id="1", identifier="bolt", database_url="postgresql://u@127.0.0.1:1/x")
        )
        await fleet.at("t3", "acme", isolation_strategy="database")
        answer = await probe(ready(TenancyManager(fleet.config(isolation_strategy="database"))))
    finally:
        drop_database(url)
    found = answer.json()
    assert (found["there"], found["behind"], found["unreadable"]) == (1, 1, 1)


async def test_who_may_ask_is_the_applications_to_say(fleet: Fleet) -> None:
    def nobody() -> None:
        raise HTTPException(401)

    app = ready(TenancyManager(fleet.config()), dependencies=[Depends(nobody)])
    assert (await probe(app)).status_code == 401


async def test_without_a_catalogue_nobody_can_say(fleet: Fleet) -> None:
    app = ready(TenancyManager(fleet.config(ready_ttl_s=0)))
    async with started(app), client(app) as http:
        drop_database(fleet.url)
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cannot be read" in answer.json()["detail"]


@pytest.fixture
def counting(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each time the whole catalogue is read."""
    noted: list[str] = []
    stream = fleet.store.stream

    def streamed(batch: int = 1000):
        noted.append("read")
        return stream(batch)

    monkeypatch.setattr(fleet.store, "stream", streamed)
    return noted


async def test_many_probes_are_one_reading(fleet: Fleet, counting: list[str]) -> None:
    await fleet.at("t3")
    counting.clear()
    clock = Clock()
    config = fleet.config()
    looker = Looker(open_judges(config), 10)
    count = SharedCount(looker, open_isolation(config), fleet.store, 15, clock)
    try:
        shares = await asyncio.gather(*(count.share() for _ in range(20)))
        assert {share.there for share in shares} == {3}
        assert counting == ["read"]
        fleet.set_position("tenant_acme", "t1")
        clock.now += 14
        assert (await count.share()).there == 3
        clock.now += 1
        assert (await count.share()).there == 2
        assert len(counting) == 2
    finally:
        await count.close()
        looker.lines.close()


async def test_a_reading_that_takes_long_is_repeated_seldom(
    fleet: Fleet, counting: list[str]
) -> None:
    clock = Clock()
    config = fleet.config()
    looker = Looker(open_judges(config), 10)
    isolation = open_isolation(config)

    class Slow:
        """Where tenants live, said slowly."""

        def __getattr__(self, name: str) -> object:
            return getattr(isolation, name)

        def target(self, tenant: Tenant) -> object:
            clock.now += 1
            return isolation.target(tenant)

    count = SharedCount(looker, Slow(), fleet.store, 15, clock)
    try:
        before = clock.now
        await count.share()
        took = clock.now - before
        clock.now += took * REST - 1
        await count.share()
        assert counting == ["read"]
        clock.now += 1
        await count.share()
        assert counting == ["read", "read"]
    finally:
        await count.close()
        looker.lines.close()
