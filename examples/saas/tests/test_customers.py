"""What a company sees is its own."""

from __future__ import annotations

from httpx import AsyncClient


async def test_a_shelf_for_each_company(client: AsyncClient, companies: tuple[str, str]):
    acme, bolt = companies
    emma = {"title": "Emma", "author": "Jane Austen"}
    added = await client.post(f"{acme}/books", json=emma)
    assert added.status_code == 201
    assert (await client.get(f"{acme}/books")).json() == [{**emma, "id": 1}]
    assert (await client.get(f"{bolt}/books")).json() == []
    assert (await client.get(f"{bolt}/")).json() == {"company": "bolt"}


async def test_a_book_is_removed_from_one_shelf(client: AsyncClient, companies: tuple[str, str]):
    acme, bolt = companies
    for host in companies:
        await client.post(f"{host}/books", json={"title": "Emma"})
    assert (await client.delete(f"{acme}/books/1")).status_code == 204
    assert (await client.delete(f"{acme}/books/1")).status_code == 404
    assert (await client.delete(f"{acme}/books/99999999999999999999")).status_code == 404
    assert len((await client.get(f"{bolt}/books")).json()) == 1


async def test_users_have_the_roles_of_their_company(
    client: AsyncClient, companies: tuple[str, str]
):
    acme, bolt = companies
    ann = {"email": "ann@acme.example", "first_name": "Ann", "role": "librarian"}
    added = await client.post(f"{acme}/users", json=ann)
    assert added.json()["may"] == ["books:read", "books:write"]
    assert (await client.post(f"{acme}/users", json=ann)).status_code == 409
    assert (await client.post(f"{bolt}/users", json=ann)).status_code == 201
    assert [u["email"] for u in (await client.get(f"{acme}/users")).json()] == [ann["email"]]
    nobody = {"email": "bob@acme.example", "role": "astronaut"}
    assert (await client.post(f"{acme}/users", json=nobody)).status_code == 422


async def test_nobodys_host(client: AsyncClient, companies: tuple[str, str]):
    done = await client.get("http://nobody.localhost/books")
    assert done.status_code == 404
    assert done.headers["content-type"] == "application/problem+json"


async def test_what_cannot_be_a_book(client: AsyncClient, companies: tuple[str, str]):
    for book in ({}, {"title": ""}, {"title": "x" * 300}, {"title": "a\x00b"}):
        assert (await client.post(f"{companies[0]}/books", json=book)).status_code == 422
