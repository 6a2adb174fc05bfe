"""Runs over HTTP: what they answer, how far they are, what became of each tenant, how they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter, Depends, FastAPI
from operators import SIGNED_IN, application, begun, created, over, require_operator, told
from psycopg.conninfo import conninfo_to_dict

from fastapi_tenancy import TenancyConfig, TenancyManager, TenancyMiddleware, TenantStatus
from fastapi_tenancy.web.admin.router import admin_router
from serving import client, started
from several import shop
from shelf import WAITS, Shelf, tenant


@pytest.fixture
def gate(tenancy_database: str) -> Iterator[psycopg.Connection]:
    """Holds the lock that a revision waits for, until it is closed."""
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        yield connection


@pytest.fixture
async def fleet(http: httpx.AsyncClient, shelf: Shelf) -> httpx.AsyncClient:
    """Three tenants at b2, and a third revision."""
    await created(http, "acme", "bolt", "crux")
    shelf.revision(
        "b3",
        "b2",
        'op.add_column("books", sa.Column("pages", sa.Integer))',
        'op.drop_column("books", "pages")',
    )
    return http


async def waiting(shelf: Shelf, count: int = 1) -> None:
    """Return when so many revisions wait for the gate."""
    query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(60):
        while len(await asyncio.to_thread(shelf.rows, query)) < count:
            await asyncio.sleep(0.02)


def stands(shelf: Shelf, *identifiers: str) -> list[str]:
    return [revision for name in identifiers for revision in shelf.stands(f"tenant_{name}")]


async def test_a_tenant_is_upgraded_and_downgraded(fleet: httpx.AsyncClient, shelf: Shelf) -> None:
    path = await begun(fleet, "/tenants/acme/upgrade")
    run = await over(fleet, path)
    assert (run["state"], run["tenant"], run["total"], run["done"]) == ("succeeded", "acme", 1, 1)
    assert run["counts"] == {"migrated": 1, "already_there": 0, "skipped": 0, "failed": 0}
    assert stands(shelf, "acme", "bolt") == ["b3", "b2"]
    page = (await fleet.get(f"{path}/results")).json()
    assert (page["total"], page["final"]) == (1, True)
    (result,) = page["items"]
    assert (result["identifier"], result["outcome"]) == ("acme", "migrated")
    assert (result["from_revision"], result["to_revision"]) == ("b2", "b3")
    down = {"revision": "b1", "confirm": "acme"}
    run = await over(fleet, await begun(fleet, "/tenants/acme/downgrade", **down))
    assert (run["state"], run["command"], stands(shelf, "acme")) == (
        "succeeded",
        "downgrade",
        ["b1"],
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"confirm": "acme"}, 422),
        ({"revision": "b1"}, 422),
        ({"revision": "b1", "confirm": "bolt"}, 409),
        ({"revision": "nope", "confirm": "acme"}, 409),
        ({"revision": "b1", "confirm": "acme", "track": "none"}, 409),
    ],
)
async def test_a_downgrade_has_to_be_meant(
    fleet: httpx.AsyncClient, shelf: Shelf, body: dict[str, str], status: int
) -> None:
    told(await fleet.post("/admin/tenants/acme/downgrade", json=body), status)
    assert (await fleet.get("/admin/runs")).json() == {"items": []}
    assert stands(shelf, "acme") == ["b2"]


async def test_the_fleet_is_upgraded(fleet: httpx.AsyncClient, shelf: Shelf) -> None:
    assert (await fleet.get("/admin/fleet")).json() == {
        "is_up_to_date": False,
        "tracks": [
            {
                "track": None,
                "scope": "tenant",
                "heads": ["b3"],
                "total": 3,
                "at_head": 0,
                "behind": 3,
                "ahead": 0,
                "unversioned": 0,
                "missing": 0,
                "refused": 0,
                "half_done": 0,
                "positions": [{"revision": "b2", "tenants": 3}],
            }
        ],
    }
    path = await begun(fleet, "/fleet/upgrade")
    run = await over(fleet, path)
    assert (run["state"], run["tenant"], run["done"]) == ("succeeded", None, 3)
    assert stands(shelf, "acme", "bolt", "crux") == ["b3"] * 3
    assert (await fleet.get("/admin/fleet")).json()["is_up_to_date"] is True
    assert [r["id"] for r in (await fleet.get("/admin/runs")).json()["items"]] == [run["id"]]
    page = (await fleet.get(f"{path}/results", params={"skip": 1, "limit": 1})).json()
    assert [(r["identifier"]) for r in page["items"]] == ["bolt"]
    assert page["total"] == 3
    page = (await fleet.get(f"{path}/results", params={"outcome": "failed"})).json()
    assert (page["items"], page["total"]) == ([], 0)


@pytest.mark.parametrize(
    ("chosen", "moved"),
    [
        ({"tenants": ["bolt", "id-idle"]}, {"bolt", "idle"}),
        ({"tags": {"tier": "gold"}}, {"idle"}),
        ({"statuses": ["suspended"]}, {"idle"}),
        ({"statuses": ["active"], "tenants": ["idle", "acme"]}, {"acme"}),
    ],
)
async def test_a_part_of_the_fleet_is_upgraded(
    fleet: httpx.AsyncClient,
    shelf: Shelf,
    manager: TenancyManager,
    chosen: dict[str, Any],
    moved: set[str],
) -> None:
    idle = tenant("idle", status=TenantStatus.SUSPENDED, tags={"tier": "gold"})
    await manager.tenant_store.create(idle)
    run = await over(fleet, await begun(fleet, "/fleet/upgrade", create=True, **chosen))
    assert (run["state"], run["done"]) == ("succeeded", len(moved))
    schemas = [name for name in shelf.schemas() if shelf.stands(name) == ["b3"]]
    assert schemas == sorted(f"tenant_{name}" for name in moved)


async def test_a_tenant_that_fails_is_in_the_results(
    fleet: httpx.AsyncClient, shelf: Shelf
) -> None:
    shelf.rows("SELECT 1; ALTER TABLE tenant_bolt.books ADD COLUMN pages text")
    path = await begun(fleet, "/fleet/upgrade")
    run = await over(fleet, path)
    assert (run["state"], run["counts"]["failed"], run["counts"]["migrated"]) == ("failed", 1, 2)
    page = (await fleet.get(f"{path}/results", params={"outcome": "failed"})).json()
    assert [r["identifier"] for r in page["items"]] == ["bolt"]
    assert "already exists" in page["items"][0]["error"]
    assert stands(shelf, "acme", "bolt", "crux") == ["b3", "b2", "b3"]


@pytest.mark.parametrize(
    ("body", "status", "match"),
    [
        ({"revision": "nope"}, 409, "nope"),
        ({"tenants": ["nobody"]}, 409, "'nobody'"),
        ({"track": "x"}, 409, "no track 'x'"),
        ({"concurrency": 0}, 422, "concurrency"),
        ({"concurrency": "5"}, 422, "concurrency"),
        ({"statuses": ["deleted"]}, 422, "statuses"),
        ({"unknown": 1}, 422, "unknown"),
        ({"revision": ""}, 422, "revision"),
    ],
)
async def test_what_cannot_be_asked_of_the_fleet_is_refused_at_once(
    fleet: httpx.AsyncClient, body: dict[str, Any], status: int, match: str
) -> None:
    for path in ("upgrade", "plan"):
        answer = await fleet.post(f"/admin/fleet/{path}", json=body)
        assert match in told(answer, status)["detail"]
    assert (await fleet.get("/admin/runs")).json() == {"items": []}


async def test_a_plan_changes_nothing(fleet: httpx.AsyncClient, shelf: Shelf) -> None:
    plan = (await fleet.post("/admin/fleet/plan")).json()
    (track,) = plan["tracks"]
    (cohort,) = track["cohorts"]
    assert (plan["command"], track["revision"], cohort["count"]) == ("upgrade", "head", 3)
    assert cohort["targets"] == ["tenant_acme", "tenant_bolt", "tenant_crux"]
    assert [(s["revision"], s["direction"]) for s in cohort["steps"]] == [("b3", "upgrade")]
    asked = {"command": "downgrade", "revision": "base"}
    plan = (await fleet.get("/admin/tenants/acme/plan", params=asked)).json()
    (cohort,) = plan["tracks"][0]["cohorts"]
    assert [s["revision"] for s in cohort["steps"]] == ["b2", "b1"]
    assert stands(shelf, "acme", "bolt", "crux") == ["b2"] * 3
    assert (await fleet.get("/admin/runs")).json() == {"items": []}


async def test_one_run_of_the_fleet_at_a_time(
    fleet: httpx.AsyncClient, shelf: Shelf, gate: psycopg.Connection
) -> None:
    shelf.revision("b4", "b3", WAITS)
    path = await begun(fleet, "/fleet/upgrade")
    await waiting(shelf)
    refused = await fleet.post("/admin/fleet/upgrade")
    assert told(refused, 409)["run"] == refused.headers["location"] == path
    assert (await fleet.get(path)).json()["state"] == "running"
    alone = await begun(fleet, "/tenants/acme/upgrade", revision="b3")  # its own may overlap
    await asyncio.to_thread(gate.close)
    assert (await over(fleet, path))["state"] == "succeeded"
    assert (await over(fleet, alone))["state"] in ("succeeded", "failed", "refused")
    assert (await over(fleet, await begun(fleet, "/fleet/upgrade")))["state"] == "succeeded"
    assert stands(shelf, "acme", "bolt", "crux") == ["b4"] * 3


async def test_a_run_stops_at_a_revision(
    fleet: httpx.AsyncClient, shelf: Shelf, gate: psycopg.Connection
) -> None:
    shelf.revision("b4", "b3", WAITS)
    path = await begun(fleet, "/fleet/upgrade", concurrency=1)
    await waiting(shelf)
    answer = await fleet.post(f"{path}/stop")
    assert (answer.status_code, answer.json()["state"]) == (202, "stopping")
    await asyncio.to_thread(gate.close)
    run = await over(fleet, path)
    moved, skipped = run["counts"]["migrated"], run["counts"]["skipped"]
    assert (run["state"], moved + skipped, skipped > 0) == ("stopped", 3, True)
    assert sorted(stands(shelf, "acme", "bolt", "crux")) == ["b2"] * skipped + ["b4"] * moved
    again = await fleet.post(f"{path}/stop")
    assert (again.status_code, again.json()["state"]) == (202, "stopped")


async def test_a_run_is_aborted(
    fleet: httpx.AsyncClient, shelf: Shelf, gate: psycopg.Connection
) -> None:
    shelf.revision("b4", "b3", WAITS)
    path = await begun(fleet, "/fleet/upgrade")
    await waiting(shelf)
    assert (await fleet.post(f"{path}/stop", params={"abort": True})).status_code == 202
    run = await over(fleet, path)
    assert run["state"] == "stopped"
    assert stands(shelf, "acme", "bolt", "crux") == ["b2"] * 3


async def test_the_end_of_the_application_stops_what_runs(
    app: FastAPI, shelf: Shelf, gate: psycopg.Connection
) -> None:
    async with client(app, **SIGNED_IN) as http:
        async with started(app):
            await created(http, "acme", "bolt", "crux")
            shelf.revision("b3", "b2", WAITS)
            path = await begun(http, "/fleet/upgrade", concurrency=1)
            await waiting(shelf)
            opening = asyncio.create_task(_opened_when_stopping(http, path, gate))
        run = (await http.get(path)).json()
        await opening
    skipped = run["counts"]["skipped"]
    assert (run["state"], skipped > 0) == ("stopped", True)
    assert sorted(stands(shelf, "acme", "bolt", "crux")) == ["b2"] * skipped + ["b3"] * (
        3 - skipped
    )


async def _opened_when_stopping(
    http: httpx.AsyncClient, path: str, gate: psycopg.Connection
) -> None:
    async with asyncio.timeout(60):
        while (await http.get(path)).json()["state"] != "stopping":
            await asyncio.sleep(0.02)
    await asyncio.to_thread(gate.close)


@pytest.mark.parametrize("what", ["", "/results", "/events"])
async def test_an_unknown_run_is_404(http: httpx.AsyncClient, what: str) -> None:
    assert (
        "no run 'x' in this process" in told(await http.get(f"/admin/runs/x{what}"), 404)["detail"]
    )
    told(await http.post("/admin/runs/x/stop"), 404)


@pytest.fixture
def ordinary_role(shelf: Shelf) -> Iterator[str]:
    """A role that row-level security holds for."""
    role = f"admin_{conninfo_to_dict(shelf.url)['dbname']}"
    with psycopg.connect(shelf.url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}"'.encode())
        yield role
        connection.execute(f'DROP OWNED BY "{role}"'.encode())
        connection.execute(f'DROP ROLE "{role}"'.encode())


async def test_whoever_shares_tables_is_not_moved_alone(shelf: Shelf, ordinary_role: str) -> None:
    config = TenancyConfig(database_url=shelf.url, isolation_strategy="rls", rls_role=ordinary_role)
    app = application(TenancyManager(config))
    async with started(app), client(app, **SIGNED_IN) as http:
        await created(http, "acme", "bolt")
        shelf.revision("b3", "b2", 'op.create_table("more", sa.Column("id", sa.Integer))')
        down = {"revision": "b1", "confirm": "acme"}
        for step, body in (("upgrade", {}), ("downgrade", down)):
            answer = await http.post(f"/admin/tenants/acme/{step}", json=body)
            assert "moves everybody" in told(answer, 409)["detail"]
        run = await over(http, await begun(http, "/fleet/upgrade"))
        assert (run["state"], run["total"], run["done"]) == ("succeeded", 2, 2)
    assert shelf.stands("public") == ["b3"]


async def test_every_history_is_gone_through(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "several"
    folder.mkdir()
    shop(folder)
    monkeypatch.chdir(folder)
    app = application(TenancyManager(TenancyConfig(database_url=shelf.url)))
    async with started(app), client(app, **SIGNED_IN) as http:
        answer = await http.post("/admin/tenants", json={"identifier": "acme"})
        assert "'shared'" in told(answer, 409)["detail"]
        body = {"create": True, "track": "shared"}
        run = await over(http, await begun(http, "/fleet/upgrade", **body))
        assert (run["state"], run["track"]) == ("succeeded", "shared")
        await created(http, "acme")
        path = await begun(http, "/fleet/upgrade")
        assert (await over(http, path))["total"] == 2
        page = (await http.get(f"{path}/results")).json()
        assert [(r["track"], r["identifier"], r["outcome"]) for r in page["items"]] == [
            ("shared", "shared", "already there"),
            ("tenants", "acme", "already there"),
        ]
        fleet = (await http.get("/admin/fleet")).json()
        assert [(t["track"], t["scope"], t["at_head"]) for t in fleet["tracks"]] == [
            ("shared", "shared", 1),
            ("tenants", "tenant", 1),
        ]
        down = {"revision": "base", "confirm": "acme"}
        assert (await over(http, await begun(http, "/tenants/acme/downgrade", **down)))[
            "state"
        ] == "succeeded"
        stand = (await http.get("/admin/tenants/acme")).json()["migrations"]
        assert [(s["track"], s["current_revision"]) for s in stand] == [("tenants", None)]


async def test_it_needs_no_tenant_where_all_else_does(manager: TenancyManager) -> None:
    app = application(manager)
    app.add_middleware(TenancyMiddleware, manager=manager)
    app.add_api_route("/hello", lambda: "hello")
    async with started(app), client(app, **SIGNED_IN) as http:
        await created(http, "acme")
        assert (await http.get("/hello")).status_code == 404
        assert (await http.get("/hello", headers={"X-Tenant-ID": "acme"})).status_code == 200
        await http.post("/admin/tenants/acme/suspend")
        assert (await http.get("/hello", headers={"X-Tenant-ID": "acme"})).status_code == 404


async def test_two_fleets_in_one_application_have_runs_of_their_own(
    manager: TenancyManager, shelf: Shelf
) -> None:
    app = FastAPI(lifespan=manager.create_lifespan())
    outer = APIRouter(prefix="/internal")
    for prefix in ("/admin", "/ops"):
        outer.include_router(
            admin_router(manager, dependencies=[Depends(require_operator)], prefix=prefix)
        )
    app.include_router(outer)
    top = FastAPI()
    top.mount("/api", app)
    async with started(app), client(top, **SIGNED_IN) as http:
        base = "/api/internal/ops"
        answer = await http.post(f"{base}/tenants", json={"identifier": "acme"})
        assert answer.headers["location"] == f"{base}/tenants/acme"
        answer = await http.post(f"{base}/tenants/acme/upgrade")
        assert answer.headers["location"].startswith(f"{base}/runs/")
        assert (await over(http, answer.headers["location"]))["state"] == "succeeded"
        other = answer.headers["location"].replace("/ops/", "/admin/")
        told(await http.get(other), 404)
        told(await http.get(f"{base}/nothing"), 404)
        answer = await http.put(f"{base}/fleet")
        assert answer.headers["allow"] == "GET"
