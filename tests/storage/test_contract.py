"""What every catalogue that can be written does alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fastapi_tenancy.errors import (
    ConfigurationError,
    InvalidNameError,
    TenantExistsError,
    TenantNotFoundError,
    TenantStatusError,
)
from fastapi_tenancy.model.tenant import NO_TAGS, IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.storage.protocol import TenantStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def tenant(number: int, **fields: object) -> Tenant:
    made = Tenant(
        id=f"id-{number}", identifier=f"t-{number}", created_at=START + timedelta(seconds=number)
    )
    return replace(made, **fields)  # type: ignore[arg-type]


async def identifiers(store: TenantStore, batch: int) -> list[str]:
    return [t.identifier async for t in store.stream(batch)]


async def test_everything_of_a_tenant_comes_back(store: TenantStore) -> None:
    url = DatabaseUrl("postgresql+asyncpg://u:p%40ss@h/db?ssl=require")
    given = tenant(
        1,
        identifier="Acme Größe.example@x",
        name="Acme",
        status=TenantStatus.SUSPENDED,
        tags={"tier": "gold", "ü": '"\\'},
        schema_name='odd "schema"',
        database_url=url,
        isolation_strategy=IsolationStrategy.HYBRID,
        host="acme.example.com",
        shard="eu",
        updated_at=START,
    )
    assert await store.create(given) == given
    for found in (
        await store.get_by_id("id-1"),
        await store.get_by_identifier(given.identifier),
        *await store.list(),
        *[t async for t in store.stream()],
    ):
        assert found == given
        assert str(found.database_url) == url
        assert isinstance(found.database_url, DatabaseUrl)


async def test_a_bare_tenant_gets_its_times_and_shares_empty_tags(store: TenantStore) -> None:
    before = datetime.now(UTC)
    made = await store.create(Tenant(id="1", identifier="acme"))
    assert made.created_at is not None
    assert before <= made.created_at <= datetime.now(UTC)
    assert made.updated_at == made.created_at
    assert made.created_at.tzinfo is UTC
    assert (await store.get_by_id("1")).tags is NO_TAGS


async def test_times_are_utc_whatever_was_given(store: TenantStore) -> None:
    east = timezone(timedelta(hours=5))
    await store.create(tenant(1, created_at=START.astimezone(east)))
    await store.create(tenant(2, created_at=START.replace(tzinfo=None)))
    for id_ in ("id-1", "id-2"):
        found = (await store.get_by_id(id_)).created_at
        assert found == START
        assert found.tzinfo is UTC


@pytest.mark.parametrize("get", ["get_by_id", "get_by_identifier"])
async def test_an_unknown_tenant_is_named(store: TenantStore, get: str) -> None:
    await store.create(tenant(1))
    with pytest.raises(TenantNotFoundError, match="'nobody'"):
        await getattr(store, get)("nobody")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"identifier": "other"}, "id 'id-1'"),
        ({"id": "other"}, "tenant 't-1' exists already"),
        ({"id": "other", "identifier": "other", "schema_name": "home"}, "schema_name 'home'"),
    ],
)
async def test_a_duplicate_says_which_field(
    store: TenantStore, fields: dict[str, str], field: str
) -> None:
    await store.create(tenant(1, schema_name="home"))
    with pytest.raises(TenantExistsError, match=field):
        await store.create(tenant(1, **fields))
    assert await store.count() == 1


async def test_an_update_may_not_take_what_another_has(store: TenantStore) -> None:
    await store.create(tenant(1, schema_name="home"))
    second = await store.create(tenant(2))
    for change, field in (
        (replace(second, identifier="t-1"), "tenant 't-1' exists already"),
        (replace(second, schema_name="home"), "schema_name 'home'"),
    ):
        with pytest.raises(TenantExistsError, match=field):
            await store.update(change)
    assert await store.get_by_id("id-2") == second
    assert await store.get_by_identifier("t-2") == second


async def test_tenants_with_databases_of_their_own_may_share_a_schema_name(
    store: TenantStore,
) -> None:
    for number in range(3):
        home = DatabaseUrl(f"postgresql://h/db{number}") if number else None
        await store.create(tenant(number, schema_name="app", database_url=home))
    assert await store.count() == 3
    with pytest.raises(TenantExistsError, match="schema_name 'app'"):
        await store.update(tenant(1, schema_name="app"))


@pytest.mark.parametrize("field", ["id", "identifier"])
@pytest.mark.parametrize(
    "name", ["", "a\x00b", "a\nb", "\x1b[31m", " a", "a ", "x" * 256, "\udc80"]
)
async def test_names_that_cannot_be_used_are_refused(
    store: TenantStore, field: str, name: str
) -> None:
    with pytest.raises(InvalidNameError, match=f"the {field} "):
        await store.create(tenant(1, **{field: name}))
    assert await store.count() == 0


@pytest.mark.parametrize("schema", ["", "a\x00b", "public", "pg_x", "information_schema", "é" * 32])
async def test_schemas_that_cannot_be_a_tenants_are_refused(
    store: TenantStore, schema: str
) -> None:
    with pytest.raises(InvalidNameError):
        await store.create(tenant(1, schema_name=schema))


async def test_an_update_replaces_everything_but_the_birthday(store: TenantStore) -> None:
    old = await store.create(tenant(1, name="old", tags={"a": "1"}, schema_name="home"))
    new = await store.update(
        Tenant(id="id-1", identifier="renamed", created_at=START + timedelta(days=9))
    )
    assert (new.identifier, new.name, new.tags, new.schema_name) == ("renamed", "", {}, None)
    assert new.created_at == old.created_at
    assert new.updated_at is not None
    assert new.updated_at > START + timedelta(days=1)
    assert await store.get_by_identifier("renamed") == new
    with pytest.raises(TenantNotFoundError):
        await store.get_by_identifier("t-1")
    await store.create(tenant(2, identifier="t-1", schema_name="home"))


async def test_an_update_of_nobody_is_an_error(store: TenantStore) -> None:
    with pytest.raises(TenantNotFoundError, match="'id-1'"):
        await store.update(tenant(1))


async def test_a_deleted_tenant_is_marked_and_keeps_its_name(store: TenantStore) -> None:
    await store.create(tenant(1))
    await store.create(tenant(2))
    await store.delete("id-1")
    assert (await store.get_by_id("id-1")).status is TenantStatus.DELETED
    assert [t.id for t in await store.list()] == ["id-2"]
    assert [t.id for t in await store.list(status=TenantStatus.DELETED)] == ["id-1"]
    assert await store.count() == 1
    assert await identifiers(store, 10) == ["t-1", "t-2"]
    with pytest.raises(TenantExistsError, match="deleted"):
        await store.create(tenant(3, identifier="t-1"))


async def test_a_status_is_changed_only_from_those_that_are_expected(store: TenantStore) -> None:
    made = await store.create(tenant(1, status=TenantStatus.PROVISIONING, tags={"tier": "gold"}))
    among = [TenantStatus.PROVISIONING]
    active = await store.set_status("id-1", TenantStatus.ACTIVE, among)
    assert active == replace(made, status=TenantStatus.ACTIVE, updated_at=active.updated_at)
    assert active == await store.get_by_id("id-1")
    assert active.updated_at is not None
    assert made.updated_at is not None
    assert active.updated_at > made.updated_at
    with pytest.raises(TenantStatusError, match="'t-1' is active; expected one that is provis"):
        await store.set_status("id-1", TenantStatus.ACTIVE, among)
    with pytest.raises(TenantNotFoundError, match="nobody"):
        await store.set_status("nobody", TenantStatus.ACTIVE, among)
    assert await store.get_by_id("id-1") == active


async def test_one_of_many_who_change_a_status_at_once_does(store: TenantStore) -> None:
    await store.create(tenant(1, status=TenantStatus.PROVISIONING))
    among = [TenantStatus.PROVISIONING]
    attempts = (store.set_status("id-1", TenantStatus.ACTIVE, among) for _ in range(8))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert len([r for r in results if isinstance(r, Tenant)]) == 1
    assert len([r for r in results if isinstance(r, TenantStatusError)]) == 7


async def test_a_removed_tenant_is_gone(store: TenantStore) -> None:
    await store.create(tenant(1, schema_name="home"))
    await store.delete("id-1", hard=True)
    with pytest.raises(TenantNotFoundError):
        await store.get_by_id("id-1")
    await store.create(tenant(1, schema_name="home"))
    for hard in (True, False):
        with pytest.raises(TenantNotFoundError, match="'nobody'"):
            await store.delete("nobody", hard=hard)


async def test_the_order_is_that_of_creation_then_id(store: TenantStore) -> None:
    for number in (3, 1, 2):
        await store.create(tenant(number))
    for key in ("b", "C", "é", "a"):
        await store.create(tenant(0, id=key, identifier=key))
    expected = ["C", "a", "b", "é", "t-1", "t-2", "t-3"]
    assert [t.identifier for t in await store.list()] == expected
    assert [t.identifier for t in await store.list(skip=2, limit=3)] == expected[2:5]
    for batch in (1, 2, 7, 100):
        assert await identifiers(store, batch) == expected


async def test_windows_and_batches_are_checked(store: TenantStore) -> None:
    assert await store.list(limit=0) == []
    assert await store.list(skip=5) == []
    for window in ({"skip": -1}, {"limit": -1}):
        with pytest.raises(ConfigurationError, match="negative"):
            await store.list(**window)
    with pytest.raises(ConfigurationError, match="batch is 0"):
        await identifiers(store, 0)


async def test_tenants_are_counted_and_listed_by_status(store: TenantStore) -> None:
    for number, status in enumerate(TenantStatus):
        await store.create(tenant(number, status=status))
    assert await store.count() == 3
    assert TenantStatus.DELETED not in {t.status for t in await store.list()}
    for status in TenantStatus:
        assert await store.count(status) == 1
        assert [t.status for t in await store.list(status=status)] == [status]


async def test_a_stream_gives_each_tenant_once_while_others_come_and_go(store: TenantStore) -> None:
    for number in range(0, 40, 2):
        await store.create(tenant(number))
    seen: list[str] = []
    async for found in store.stream(batch=3):
        seen.append(found.identifier)
        if len(seen) == 3:
            # the page just read, the key of the next page, places before and after it
            for number in (0, 4, 20, 38):
                await store.delete(f"id-{number}", hard=True)
            for number in (1, 21, 41):
                await store.create(tenant(number))
            await store.update(tenant(30, identifier="t-30"))
    stayed = [f"t-{n}" for n in range(0, 40, 2) if n not in (0, 4, 20, 38)]
    assert len(seen) == len(set(seen))
    assert [s for s in seen if s in stayed] == stayed
    assert set(seen) - set(stayed) == {"t-0", "t-4", "t-21", "t-41"}


async def test_a_stream_left_early_holds_nothing(store: TenantStore) -> None:
    for number in range(6):
        await store.create(tenant(number))
    for _ in range(10):
        async for _found in store.stream(batch=2):
            break
    await store.create(tenant(7))
    assert await store.count() == 7


async def test_one_of_many_writers_at_once_wins(store: TenantStore) -> None:
    results = await asyncio.gather(
        *(store.create(tenant(n, identifier="same")) for n in range(12)), return_exceptions=True
    )
    errors = [r for r in results if not isinstance(r, Tenant)]
    assert len(errors) == 11
    assert {type(e) for e in errors} == {TenantExistsError}
    assert await store.count() == 1


async def test_a_closed_store_opens_again(
    store: TenantStore, request: pytest.FixtureRequest
) -> None:
    await store.create(tenant(1))
    await store.close()
    await store.initialize()
    kept = 0 if "sqlite-memory" in request.node.name else 1
    assert await store.count() == kept


async def test_many_are_saved_at_once(store: TenantStore) -> None:
    first = await store.create(tenant(1, name="old", tags={"a": "1"}, schema_name="home"))
    await store.save_all(
        (tenant(n) for n in range(2, 1300)), [tenant(1, name="new"), tenant(1, name="newest")]
    )
    found = await store.get_by_id("id-1")
    assert (found.name, found.tags, found.schema_name) == ("newest", {}, None)
    assert found.created_at == first.created_at
    assert found.updated_at is not None
    assert found.updated_at > START + timedelta(days=1)
    assert await identifiers(store, 1000) == [f"t-{n}" for n in range(1, 1300)]
    last = await store.get_by_id("id-1299")
    assert last.created_at == START + timedelta(seconds=1299)
    assert last.updated_at is not None


async def test_nobody_at_once_is_nothing(store: TenantStore) -> None:
    await store.save_all([])
    assert await store.count() == 0


async def test_what_one_gives_up_another_may_have_at_once(store: TenantStore) -> None:
    await store.save_all([tenant(1, schema_name="home"), tenant(2)])
    await store.save_all(
        [tenant(3, identifier="t-1")],
        [tenant(1, identifier="renamed"), tenant(2, schema_name="home")],
    )
    assert await identifiers(store, 10) == ["renamed", "t-2", "t-1"]


@pytest.mark.parametrize(
    ("new", "changed", "told"),
    [
        ([tenant(2), tenant(1)], [], "tenant 't-1' exists already"),
        ([tenant(2), tenant(3, identifier="t-2")], [], "tenant 't-2' exists already"),
        ([tenant(2), tenant(3, schema_name="home")], [], "schema_name 'home'"),
        ([], [tenant(1, identifier="t-0")], "tenant 't-0' exists already"),
        ([tenant(2, identifier="t-1")], [tenant(0, name="new")], "tenant 't-1' exists already"),
        ([tenant(n) for n in (*range(2, 1200), 1)], [], "id 'id-1'"),
    ],
)
async def test_one_that_clashes_keeps_all_out(
    store: TenantStore, new: list[Tenant], changed: list[Tenant], told: str
) -> None:
    await store.save_all([tenant(0), tenant(1, schema_name="home")])
    before = [t async for t in store.stream()]
    with pytest.raises(TenantExistsError, match=told):
        await store.save_all(new, changed)
    assert [t async for t in store.stream()] == before
    await store.save_all([tenant(2)], [tenant(1)])
    assert await store.count() == 3


@pytest.mark.parametrize(
    ("new", "changed", "error"),
    [
        ([tenant(1), tenant(2, identifier="a\nb")], [tenant(0, name="new")], InvalidNameError),
        ([tenant(1), tenant(2, schema_name="public")], [], InvalidNameError),
        ([tenant(1)], [tenant(0, name="new"), tenant(9)], TenantNotFoundError),
    ],
)
async def test_one_that_cannot_be_saved_keeps_all_out(
    store: TenantStore, new: list[Tenant], changed: list[Tenant], error: type[Exception]
) -> None:
    kept = await store.create(tenant(0))
    with pytest.raises(error):
        await store.save_all(new, changed)
    assert [t async for t in store.stream()] == [kept]


async def test_reading_that_ends_keeps_all_out(store: TenantStore) -> None:
    def interrupted() -> Iterator[Tenant]:
        yield from (tenant(n) for n in range(1, 1200))
        raise KeyError("stopped")

    kept = await store.create(tenant(0))
    with pytest.raises(KeyError, match="stopped"):
        await store.save_all(interrupted(), [tenant(0, name="new")])
    assert [t async for t in store.stream()] == [kept]


async def test_one_of_many_who_save_at_once_wins(store: TenantStore) -> None:
    results = await asyncio.gather(
        *(store.save_all([tenant(n), tenant(100)]) for n in range(8)), return_exceptions=True
    )
    assert [type(r) for r in results].count(TenantExistsError) == 7
    assert await store.count() == 2


async def test_a_tenant_is_found_by_its_host(store: TenantStore) -> None:
    acme = await store.create(tenant(1, host="acme.example.com", shard="eu"))
    await store.create(tenant(2))
    assert await store.get_by_host("acme.example.com") == acme
    moved = await store.update(replace(acme, host="www.acme.example.com", shard=None))
    assert await store.get_by_host("www.acme.example.com") == moved
    await store.delete(acme.id)
    assert (await store.get_by_host("www.acme.example.com")).status is TenantStatus.DELETED
    for nobody in ("acme.example.com", "other.example.com", ""):
        with pytest.raises(TenantNotFoundError, match=repr(nobody)):
            await store.get_by_host(nobody)


async def test_a_host_belongs_to_one_tenant(store: TenantStore) -> None:
    await store.create(tenant(1, host="a.example.com"))
    second = await store.create(tenant(2, host="b.example.com"))
    for clashing in (
        store.create(tenant(3, host="a.example.com")),
        store.update(replace(second, host="a.example.com")),
        store.save_all([tenant(3, host="c.example.com"), tenant(4, host="a.example.com")]),
    ):
        with pytest.raises(TenantExistsError, match=r"the host 'a.example.com' of tenant .* 't-1'"):
            await clashing
    assert await store.count() == 2
    await store.save_all([tenant(3, host="b.example.com")], [replace(second, host="d.example.com")])
    assert (await store.get_by_host("b.example.com")).id == "id-3"
    await store.delete("id-3", hard=True)
    await store.create(tenant(5, host="b.example.com"))


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("Acme.Example.com", "write 'acme.example.com'"),
        ("https://acme.example.com/", "write 'acme.example.com'"),
        ("acme.example.com:8000", "write 'acme.example.com'"),
        ("acme.example.com.", "write 'acme.example.com'"),
        ("bücher.example", "write 'xn--bcher-kva.example'"),
        ("größe.example", "such as acme.example.com"),
        ("", "such as acme.example.com"),
        ("a b", "such as acme.example.com"),
        ("-a", "such as acme.example.com"),
        ("a..b", "such as acme.example.com"),
        ("a." * 127 + "a", "such as acme.example.com"),
        ("x" * 64, "such as acme.example.com"),
        ("a\nb", "such as acme.example.com"),
    ],
)
async def test_hosts_that_no_request_can_name_are_refused(
    store: TenantStore, host: str, told: str
) -> None:
    with pytest.raises(InvalidNameError, match=told):
        await store.create(tenant(1, host=host))
    assert await store.count() == 0


async def test_a_schema_may_be_on_each_shard_once(store: TenantStore) -> None:
    await store.create(tenant(1, schema_name="home"))
    await store.create(tenant(2, schema_name="home", shard="eu"))
    third = await store.create(tenant(3, schema_name="home", shard="us"))
    for shard in ("eu", None):
        with pytest.raises(TenantExistsError, match="schema_name 'home'"):
            await store.update(replace(third, shard=shard))
    with pytest.raises(TenantExistsError, match=r"schema_name 'home' .* 't-2'"):
        await store.save_all([tenant(4, schema_name="home", shard="eu")])
    with pytest.raises(InvalidNameError, match="the shard "):
        await store.update(replace(third, shard=""))


async def test_tenants_are_counted_by_shard(store: TenantStore) -> None:
    assert await store.count_by_shard() == {}
    shards = [None, "eu", "eu", "us", "us", None, "gone"]
    await store.save_all(tenant(n, shard=shard) for n, shard in enumerate(shards))
    await store.delete("id-3")
    await store.delete("id-6", hard=True)
    assert await store.count_by_shard() == {None: 2, "eu": 2, "us": 1}


@pytest.mark.parametrize("other", ["a_b", "A-B", "a.b", "a b"])
async def test_identifiers_that_come_to_one_name_are_not_both_taken(
    store: TenantStore, other: str
) -> None:
    await store.create(tenant(1, identifier="a-b"))
    alike = tenant(2, identifier=other)
    for work in (store.create(alike), store.save_all([alike])):
        with pytest.raises(TenantExistsError, match="is taken by tenant 'a-b'"):
            await work
    await store.create(tenant(2, identifier="other"))
    with pytest.raises(TenantExistsError, match="is taken by tenant 'a-b'"):
        await store.update(alike)
    assert await identifiers(store, 10) == ["a-b", "other"]


async def test_identifiers_that_are_nobodys_place_may_be_alike(store: TenantStore) -> None:
    await store.create(tenant(1, identifier="a-b"))
    await store.create(tenant(2, identifier="a_b", schema_name="own"))
    url = DatabaseUrl("postgresql://u@h/own")
    await store.create(tenant(3, identifier="a.b", database_url=url))
    await store.create(tenant(4, identifier="A.b", isolation_strategy=IsolationStrategy.RLS))
    await store.create(tenant(5, identifier="a b", shard="east"))
    for number, identifier in enumerate(("東京", "大阪", "a!b", "a?b"), 6):
        await store.create(tenant(number, identifier=identifier))
    assert await store.count() == 9


@pytest.mark.parametrize(
    ("status", "way"),
    [
        (TenantStatus.ACTIVE, "`tenancy tenants show 'a b'` shows it; choose another identifier"),
        (TenantStatus.PROVISIONING, "`tenancy tenants create 'a b'` finishes it"),
        (TenantStatus.DELETED, "`tenancy tenants add 'a b' --id id-1` takes it in again"),
    ],
)
async def test_whoever_exists_already_is_named_once_with_the_way_on(
    store: TenantStore, status: TenantStatus, way: str
) -> None:
    await store.create(tenant(1, identifier="a b", status=status))
    with pytest.raises(TenantExistsError) as refused:
        await store.create(tenant(2, identifier="a b"))
    assert str(refused.value).startswith(f"tenant 'a b' exists already (id 'id-1', {status}); ")
    assert way in str(refused.value)


async def test_what_a_deleted_tenant_has_can_be_freed_and_it_says_how(store: TenantStore) -> None:
    await store.create(tenant(1, host="a.example", status=TenantStatus.DELETED))
    with pytest.raises(TenantExistsError, match="free it: `tenancy tenants remove t-1 --hard`"):
        await store.create(tenant(2, host="a.example"))
    with pytest.raises(TenantStatusError, match="`tenancy tenants add t-1 --id id-1` takes it in"):
        await store.set_status("id-1", TenantStatus.ACTIVE, [TenantStatus.SUSPENDED])
