"""The gate: who is served, who is refused, and how little is asked of the database for it."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import TenancyManager, Tenant
from fastapi_tenancy.revisions.gate import BRIEF_S
from fastapi_tenancy.testing.databases import drop_database
from fleet import Clock, Fleet, application, gate, refusal
from serving import client, started, websocket

ACME, BOLT, COIL = (Tenant(id=str(n), identifier=i) for n, i in enumerate(("acme", "bolt", "coil")))
DETAIL = "The tenant or the application is being updated. Try again later."


@pytest.mark.parametrize("middleware", [True, False])
async def test_a_tenant_that_is_behind_is_refused_and_nobody_else(
    fleet: Fleet, middleware: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.at("t3", "acme")
    await fleet.at("t2", "bolt")
    app = application(TenancyManager(fleet.config(when_behind="refuse")), middleware=middleware)
    async with started(app), client(app) as http:
        served = await http.get("/whoami", headers={"X-Tenant-ID": "acme"})
        assert (served.status_code, served.json()) == (200, "acme")
        refused = await http.get("/whoami", headers={"X-Tenant-ID": "bolt"})
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "5"
    assert refused.json()["detail"] == DETAIL
    assert "bolt" not in refused.text
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == 1
    assert "the tenant 'bolt' is not served: it stands at t2" in told[0]
    assert "the application serves heads (t3)" in told[0]


async def test_a_websocket_is_refused_before_it_is_accepted(fleet: Fleet) -> None:
    await fleet.at("t3", "acme")
    await fleet.at("t2", "bolt")
    app = application(TenancyManager(fleet.config(when_behind="refuse")))
    async with started(app):
        served = await websocket(app, x__tenant__id="acme")
        assert [m["type"] for m in served][:2] == ["websocket.accept", "websocket.send"]
        start, body = await websocket(app, denial=True, x__tenant__id="bolt")
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
        assert DETAIL in body["body"].decode()
        (closed,) = await websocket(app, denial=False, x__tenant__id="bolt")
        assert (closed["type"], closed["code"]) == ("websocket.close", 1013)


async def test_a_warm_request_asks_no_database(fleet: Fleet) -> None:
    await fleet.at("t3", "acme")
    app = application(TenancyManager(fleet.config(when_behind="refuse")))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 200
        drop_database(fleet.url)
        assert {(await http.get("/whoami")).status_code for _ in range(50)} == {200}


async def test_without_a_word_nobody_is_looked_at(fleet: Fleet) -> None:
    (fleet.folder / "alembic.ini").unlink()
    app = application(TenancyManager(fleet.config()))
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 200


async def test_who_was_just_migrated_is_served_soon(fleet: Fleet) -> None:
    clock = Clock()
    await fleet.at("t2")
    async with gate(fleet, clock, when_behind="refuse") as watched:
        assert "it stands at t2" in await refusal(watched, ACME)
        await fleet.at("t3", "acme")
        assert await refusal(watched, ACME)  # remembered, for a moment
        clock.now += BRIEF_S
        assert not await refusal(watched, ACME)
        await fleet.at("t3", "bolt")
        assert not await refusal(watched, BOLT)


async def test_a_downgrade_is_seen_when_the_time_to_live_is_over(fleet: Fleet) -> None:
    clock = Clock()
    await fleet.at("t3")
    async with gate(fleet, clock, when_behind="refuse", revision_ttl_s=30) as watched:
        assert not watched.admits(ACME)
        assert not await refusal(watched, ACME)
        assert watched.admits(ACME)
        fleet.set_position("tenant_acme", "t1")
        clock.now += 29
        assert watched.admits(ACME)
        assert not await refusal(watched, ACME)
        clock.now += 1
        assert not watched.admits(ACME)
        assert "it stands at t1" in await refusal(watched, ACME)


async def test_a_time_to_live_of_zero_looks_at_every_request(fleet: Fleet) -> None:
    await fleet.at("t3")
    async with gate(fleet, Clock(), when_behind="refuse", revision_ttl_s=0) as watched:
        assert not await refusal(watched, ACME)
        fleet.set_position("tenant_acme", "t1")
        assert await refusal(watched, ACME)


async def test_a_tenant_that_moves_is_looked_at_again(fleet: Fleet) -> None:
    clock = Clock()
    await fleet.at("t3", "acme")
    await fleet.at("t1", "bolt")
    async with gate(fleet, clock, when_behind="refuse") as watched:
        assert not await refusal(watched, ACME)
        moved = Tenant(id=ACME.id, identifier="acme", schema_name="tenant_bolt")
        assert not watched.admits(moved)
        assert await refusal(watched, moved)
        assert not await refusal(watched, ACME)
        fleet.set_position("tenant_acme", "t1")
        watched.forget(ACME.id)
        assert await refusal(watched, ACME)


async def test_a_change_through_a_store_of_this_process_is_seen_at_once(fleet: Fleet) -> None:
    await fleet.at("t3", "acme")
    manager = TenancyManager(fleet.config(when_behind="refuse"))
    app = application(manager)
    async with started(app), client(app, **{"X-Tenant-ID": "acme"}) as http:
        assert (await http.get("/whoami")).status_code == 200
        fleet.set_position("tenant_acme", "t1")
        assert (await http.get("/whoami")).status_code == 200
        await fleet.store.update(await fleet.store.get_by_identifier("acme"))
        assert (await http.get("/whoami")).status_code == 503


async def test_who_is_above_is_served_if_the_range_is_open(fleet: Fleet) -> None:
    await fleet.at("t3")
    fleet.set_position("tenant_bolt", "of_a_later_release")
    async with gate(fleet, Clock(), when_behind="refuse") as watched:
        assert not await refusal(watched, ACME)
        assert "which these scripts do not know" in await refusal(watched, BOLT)
    async with gate(fleet, Clock(), required_revision="head-1..") as watched:
        fleet.set_position("tenant_coil", "t1")
        assert not await refusal(watched, BOLT)
        assert not await refusal(watched, COIL)  # whoever is behind is served by default


async def test_with_serve_a_range_still_keeps_out_what_is_newer(fleet: Fleet) -> None:
    await fleet.at("t1", "acme")
    await fleet.at("t3", "bolt")
    async with gate(fleet, Clock(), required_revision="t2") as watched:
        assert not await refusal(watched, ACME)
        assert "which is newer" in await refusal(watched, BOLT)


@pytest.mark.parametrize("when_behind", ["serve", "refuse"])
async def test_what_cannot_be_read_is_the_trouble_of_one_tenant(
    fleet: Fleet, when_behind: str
) -> None:
    await fleet.at("t3", "acme", "bolt")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE tenant_bolt.alembic_version RENAME version_num TO other")
    served = {"when_behind": when_behind, "required_revision": "heads"}
    async with gate(fleet, Clock(), **served) as watched:
        reasons = [await refusal(watched, tenant) for tenant in (ACME, BOLT, COIL)]
    assert not reasons[0]
    if when_behind == "serve":
        assert reasons == ["", "", ""]
    else:
        assert "alembic_version cannot be read" in reasons[1]
        assert "its schema or database does not exist" in reasons[2]


async def test_a_server_that_is_away_refuses_its_own_quickly_and_is_told_once(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = "postgresql://u:geheim@127.0.0.1:1/none"
    away = [Tenant(id=f"a{n}", identifier=f"a{n}", database_url=nowhere + str(n)) for n in range(5)]
    given: dict[str, Any] = {"isolation_strategy": "hybrid", "when_behind": "refuse"}
    own = [Tenant(**{**_fields(t), "isolation_strategy": "database"}) for t in away]
    await fleet.at("t3", "acme")
    async with gate(fleet, Clock(), **given) as watched:
        reasons = [await refusal(watched, tenant) for tenant in own]
        assert not await refusal(watched, ACME)
    assert all("cannot connect to" in reason for reason in reasons)
    assert "geheim" not in "".join(reasons) + caplog.text
    assert len([r for r in caplog.records if "positions cannot be read" in r.getMessage()]) == 1


def _fields(tenant: Tenant) -> dict[str, Any]:
    return {name: getattr(tenant, name) for name in ("id", "identifier", "database_url")}


async def test_a_run_of_this_process_is_seen_at_once(fleet: Fleet) -> None:
    await fleet.at("t3", "acme")
    await fleet.at("t2", "bolt")
    app = application(TenancyManager(fleet.config(when_behind="refuse")))
    async with started(app), client(app) as http:

        async def ask() -> list[int]:
            asked = [http.get("/whoami", headers={"X-Tenant-ID": n}) for n in ("acme", "bolt")]
            return [(await one).status_code for one in asked]

        assert await ask() == [200, 503]
        await fleet.at("t3", "bolt")
        acme = await fleet.store.get_by_identifier("acme")
        await fleet.migrator().downgrade_tenant(acme)
        assert await ask() == [503, 200]
