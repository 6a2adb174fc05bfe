"""Companies are made and moved by whoever has the token."""

from __future__ import annotations

from httpx import AsyncClient

HEAD, FIRST = "8a4be7c90f61", "1f0c55a1b3d2"


async def test_nobody_without_the_token(client: AsyncClient):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dGhlOmFk"}):
        for method, path in (
            ("GET", "/companies"),
            ("POST", "/create?name=acme&host=acme.localhost"),
            ("POST", "/upgrade?name=acme"),
            ("POST", "/downgrade?name=acme&revision=base"),
        ):
            done = await client.request(method, path, headers=headers)
            assert done.status_code == 401, path


async def test_a_company_is_born_at_the_newest_revision(client: AsyncClient, admin: dict[str, str]):
    query = {"name": "acme", "host": "acme.localhost"}
    made = await client.post("/create", params=query, headers=admin)
    assert made.json() == {"name": "acme", "host": "acme.localhost", "revision": HEAD}
    assert (await client.get("/companies", headers=admin)).json() == ["acme"]
    again = await client.post("/create", params=query, headers=admin)
    assert again.status_code == 409
    other = {"name": "bolt", "host": "acme.localhost"}
    assert (await client.post("/create", params=other, headers=admin)).status_code == 409
    assert (await client.get("/companies", headers=admin)).json() == ["acme"]


async def test_one_company_is_moved_and_the_other_stays(
    client: AsyncClient, companies: tuple[str, str], admin: dict[str, str]
):
    down = {"name": "acme", "revision": FIRST}
    done = await client.post("/downgrade", params=down, headers=admin)
    assert done.json()["revision"] == FIRST
    done = await client.post("/upgrade", params={"name": "bolt"}, headers=admin)
    assert done.json()["outcome"] == "already there"
    done = await client.post("/upgrade", params={"name": "acme"}, headers=admin)
    assert done.json()["revision"] == HEAD


async def test_what_cannot_be_done_is_said(
    client: AsyncClient, companies: tuple[str, str], admin: dict[str, str]
):
    for path, query, status in (
        ("/upgrade", {"name": "nobody"}, 404),
        ("/upgrade", {"name": "acme", "revision": "nosuch"}, 409),
        ("/downgrade", {"name": "acme"}, 422),
        ("/create", {"name": "A B", "host": "x"}, 422),
    ):
        done = await client.post(path, params=query, headers=admin)
        assert done.status_code == status, done.text
        assert "postgres:" not in done.text


async def test_a_company_that_is_behind_waits_for_its_upgrade(
    client: AsyncClient, companies: tuple[str, str], admin: dict[str, str]
):
    acme, bolt = companies
    down = {"name": "acme", "revision": FIRST}
    assert (await client.post("/downgrade", params=down, headers=admin)).status_code == 200
    refused = await client.get(f"{acme}/books")
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    assert (await client.get(f"{bolt}/books")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["behind"]) == (503, 1)
    assert (await client.post("/upgrade", params={"name": "acme"}, headers=admin)).is_success
    assert (await client.get(f"{acme}/books")).status_code == 200


async def test_the_admin_router_is_behind_the_token(
    client: AsyncClient, companies: tuple[str, str], admin: dict[str, str]
):
    assert (await client.get("/admin/tenants")).status_code == 401
    plan = (await client.get("/admin/tenants/acme/plan", headers=admin)).json()
    assert {t["track"]: t["already_there"] for t in plan["tracks"]} == {"tenants": 1}
