"""Tenants over HTTP: created, listed, shown, suspended, activated, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from operators import SIGNED_IN, application, created, require_operator, told

from fastapi_tenancy import QueryTenantStore, TenancyConfig, TenancyManager, TenantStatus
from fastapi_tenancy.cli.documents import tenant_document
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.web.admin.documents.tenant import TenantDocument
from fastapi_tenancy.web.admin.router import admin_router
from serving import client, started
from shelf import Shelf, tenant

HEAD = {
    "track": None,
    "state": "versioned",
    "current_revision": "b2",
    "head_revision": "b2",
    "is_up_to_date": True,
    "half_done": None,
    "problem": None,
}


def test_it_is_not_mounted_for_strangers(manager: TenancyManager) -> None:
    with pytest.raises(ConfigurationError, match=r"pass dependencies=\[Depends"):
        admin_router(manager)
    with pytest.raises(ConfigurationError, match="allow_unauthenticated=True"):
        admin_router(manager, dependencies=[])
    assert admin_router(manager, allow_unauthenticated=True).prefix == "/admin"
    assert admin_router(manager, dependencies=[Depends(require_operator)], prefix="/ops").routes


@pytest.mark.parametrize("prefix", ["", "/", "admin", "/admin/"])
def test_a_prefix_is_a_path(manager: TenancyManager, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="begins with a slash and ends without one"):
        admin_router(manager, allow_unauthenticated=True, prefix=prefix)


async def test_a_tenant_is_created_current(http: httpx.AsyncClient, shelf: Shelf) -> None:
    given = {
        "identifier": "acme",
        "name": "Acme",
        "tags": {"tier": "gold"},
        "host": "acme.example.com",
    }
    answer = await http.post("/admin/tenants", json=given)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/admin/tenants/acme"
    made = answer.json()
    assert made | given == made
    assert made["status"] == "active"
    assert shelf.stands("tenant_acme") == ["b2"]
    shown = (await http.get(answer.headers["location"])).json()
    assert shown == {**made, "migrations": [HEAD]}
    by_id = (await http.get(f"/admin/tenants/{made['id']}")).json()
    assert by_id == shown


async def test_a_tenant_that_exists_is_409(http: httpx.AsyncClient) -> None:
    await created(http, "acme")
    answer = await http.post("/admin/tenants", json={"identifier": "acme"})
    assert "'acme' exists already" in told(answer, 409)["detail"]


async def test_one_that_is_provisioning_is_finished(http: httpx.AsyncClient, shelf: Shelf) -> None:
    broken = shelf.revision("b3", "b2", 'op.execute("SELECT no_such_function()")')
    answer = await http.post("/admin/tenants", json={"identifier": "acme"})
    assert "no_such_function" in told(answer, 500)["detail"]
    shown = (await http.get("/admin/tenants/acme")).json()
    assert (shown["status"], shown["migrations"][0]["state"]) == ("provisioning", "missing")
    for step in ("activate", "suspend"):
        detail = told(await http.post(f"/admin/tenants/acme/{step}"), 409)["detail"]
        assert "'acme' is provisioning" in detail
    other = {"identifier": "acme", "name": "Another"}
    detail = told(await http.post("/admin/tenants", json=other), 409)["detail"]
    assert "differs in: name" in detail
    broken.unlink()
    answer = await http.post("/admin/tenants", json={"identifier": "acme"})
    assert (answer.status_code, answer.json()["id"]) == (201, shown["id"])


async def test_one_of_two_at_once_gets_409(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(http.post("/admin/tenants", json={"identifier": "acme"}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "identifier"),
        ({"identifier": ""}, "identifier"),
        ({"identifier": "a/b"}, "identifier"),
        ({"identifier": ".."}, "identifier"),
        ({"identifier": "x" * 101}, "identifier"),
        ({"identifier": 5}, "identifier"),
        ({"identifier": "acme", "tags": {"a": 1}}, "tags"),
        ({"identifier": "acme", "tags": {"a\x00": "b"}}, "tags"),
        ({"identifier": "acme", "host": "Acme.example.com"}, "host"),
        ({"identifier": "acme", "isolation_strategy": "hybrid"}, "isolation_strategy"),
        ({"identifier": "acme", "status": "active"}, "status"),
        ({"identifier": "acme", "name": "a\x00"}, "name"),
    ],
)
async def test_what_cannot_be_taken_is_422_and_says_where(
    http: httpx.AsyncClient, manager: TenancyManager, given: dict[str, Any], where: str
) -> None:
    body = told(await http.post("/admin/tenants", json=given), 422)
    assert where in str(body["errors"][0]["location"])
    assert where in body["detail"]
    assert await manager.tenant_store.count() == 0


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ({"schema_name": "public"}, "the schema 'public' is shared by everybody"),
        ({"identifier": "x" * 99}, "silently cut"),
        ({"isolation_strategy": "rls"}, "the fleet's is 'schema'"),
        ({"shard": "mars"}, "no shards.mars"),
        ({"database_url": "sqlite+nonsense://u:geheim@h/d"}, "***"),
    ],
)
async def test_what_cannot_be_done_is_409(
    http: httpx.AsyncClient, manager: TenancyManager, given: dict[str, Any], told_of: str
) -> None:
    answer = await http.post("/admin/tenants", json={"identifier": "acme", **given})
    assert told_of in told(answer, 409)["detail"]
    assert "geheim" not in answer.text
    assert await manager.tenant_store.count() == 0


async def test_no_password_is_shown(http: httpx.AsyncClient, manager: TenancyManager) -> None:
    url = "postgresql://u:geheim@db.example/own"
    await manager.initialize()
    await manager.tenant_store.create(tenant())
    answer = await http.post("/admin/tenants", json={"identifier": "bolt", "database_url": url})
    assert answer.status_code == 201
    for path in ("", "/bolt"):
        found = await http.get(f"/admin/tenants{path}")
        assert "postgresql://u:***@db.example/own" in found.text
        assert "geheim" not in found.text + answer.text


async def test_the_document_is_that_of_the_command() -> None:
    given = tenant(tags={"a": "b"}, host="a.example")
    assert TenantDocument.of(given).model_dump(mode="json") == tenant_document(given)


async def test_tenants_are_listed_in_pages(
    http: httpx.AsyncClient, manager: TenancyManager
) -> None:
    await manager.initialize()
    await manager.tenant_store.save_all(
        [
            *(tenant(f"t{n}") for n in range(5)),
            tenant("idle", status=TenantStatus.SUSPENDED),
            tenant("gone", status=TenantStatus.DELETED),
        ]
    )

    async def listed(**asked: Any) -> tuple[list[str], int]:
        page = (await http.get("/admin/tenants", params=asked)).json()
        assert (page["skip"], page["limit"]) == (asked.get("skip", 0), asked.get("limit", 100))
        return [item["identifier"] for item in page["items"]], page["total"]

    assert await listed() == (["idle", "t0", "t1", "t2", "t3", "t4"], 6)
    assert await listed(skip=2, limit=3) == (["t1", "t2", "t3"], 6)
    assert await listed(status="deleted") == (["gone"], 1)
    assert await listed(status="provisioning") == ([], 0)
    for bad in ({"limit": 0}, {"limit": 1001}, {"skip": -1}, {"skip": 2**31}, {"status": "x"}):
        told(await http.get("/admin/tenants", params=bad), 422)


async def test_suspended_active_again_and_deleted(
    http: httpx.AsyncClient, shelf: Shelf, manager: TenancyManager
) -> None:
    await created(http, "acme")
    for step, status in (("suspend", "suspended"),) * 2 + (("activate", "active"),) * 2:
        answer = await http.post(f"/admin/tenants/acme/{step}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    answer = await http.delete("/admin/tenants/acme")
    assert (answer.status_code, answer.json()["status"]) == (200, "deleted")
    assert shelf.stands("tenant_acme") == ["b2"]
    for attempt in (
        http.get("/admin/tenants/acme"),
        http.delete("/admin/tenants/acme"),
        http.post("/admin/tenants/acme/activate"),
        http.post("/admin/tenants/acme/upgrade"),
    ):
        assert "marked deleted" in told(await attempt, 404)["detail"]
    told(await http.post("/admin/tenants", json={"identifier": "acme"}), 409)
    assert [t["identifier"] for t in (await _deleted(http))] == ["acme"]


async def _deleted(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await http.get("/admin/tenants", params={"status": "deleted"})).json()["items"]


async def test_a_tenant_that_cannot_be_read_is_shown_with_the_reason(
    shelf: Shelf, http: httpx.AsyncClient, manager: TenancyManager
) -> None:
    await created(http, "acme")
    shelf.rows("SELECT 1; DROP TABLE tenant_acme.alembic_version")
    stand = (await http.get("/admin/tenants/acme")).json()["migrations"][0]
    assert (stand["state"], stand["is_up_to_date"]) == ("unversioned", False)
    (shelf.folder / "migrations" / "versions" / "b2.py").write_text("raise RuntimeError('oops')")
    stand = (await http.get("/admin/tenants/acme")).json()["migrations"][0]
    assert (stand["state"], "oops" in stand["problem"]) == ("unreadable", True)


@pytest.mark.parametrize("name", ["nobody", "%00", "a%2Fb", "%ED%A0%80", "x" * 255])
async def test_an_unknown_tenant_is_404(http: httpx.AsyncClient, name: str) -> None:
    told(await http.get(f"/admin/tenants/{name}"), 404)


async def test_a_catalogue_that_can_only_be_read_says_so(shelf: Shelf) -> None:

    store = QueryTenantStore(str(shelf.url), "SELECT 'acme' AS identifier")
    manager = TenancyManager(TenancyConfig(database_url=shelf.url), store)
    app = application(manager)
    async with started(app), client(app, **SIGNED_IN) as http:
        answer = await http.post("/admin/tenants", json={"identifier": "bolt"})
        assert "tenants_query" in told(answer, 409)["detail"]
        assert "tenants_query" in told(await http.delete("/admin/tenants/acme"), 409)["detail"]
    await store.close()


async def test_a_catalogue_that_is_down_is_503(shelf: Shelf) -> None:
    config = TenancyConfig(
        database_url=shelf.url, catalogue_url="postgresql://u:geheim@127.0.0.1:1/none"
    )
    app = FastAPI()
    app.include_router(
        admin_router(TenancyManager(config), dependencies=[Depends(require_operator)])
    )
    async with client(app, **SIGNED_IN) as http:
        answer = await http.get("/admin/tenants")
        told(answer, 503)
        assert answer.headers["retry-after"] == "5"
        assert "geheim" not in answer.text


async def test_strangers_get_a_problem_and_nothing_else(app: FastAPI) -> None:
    async with started(app), client(app) as http:
        for method, path in (
            ("GET", "/admin/tenants"),
            ("POST", "/admin/tenants"),
            ("GET", "/admin/nowhere"),
            ("PUT", "/admin/tenants"),
            ("POST", "/admin/fleet/upgrade"),
        ):
            answer = await http.request(method, path)
            assert told(answer, 401)["detail"] == "Sign in first."
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/admin/tenants", "GET, POST"),
        ("PATCH", "/admin/tenants/acme", "DELETE, GET"),
        ("GET", "/admin/tenants/acme/upgrade", "POST"),
        ("PROPFIND", "/admin/fleet", "GET"),
        ("HEAD", "/admin/runs", "GET"),
        ("OPTIONS", "/admin/runs/x/stop", "POST"),
    ],
)
async def test_other_methods_are_405_with_those_there_are(
    http: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        told(answer, 405)


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/nothing", "/admin/tenants/", "/admin/tenants/a/b/c"]
)
async def test_other_paths_are_404(http: httpx.AsyncClient, path: str) -> None:
    told(await http.get(path), 404)
