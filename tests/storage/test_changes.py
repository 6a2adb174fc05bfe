"""A change that any store makes is told to whoever asked, once it is there to be read."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.model.url import driver_free
from fastapi_tenancy.storage.changes import Change, TenantNames, subscribe
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

ACME = Tenant(id="1", identifier="acme", host="acme.example.com")
BOLT = Tenant(id="2", identifier="bolt")
ACME_NAMES = TenantNames("1", "acme", "acme.example.com")
BOLT_NAMES = TenantNames("2", "bolt")


@pytest.fixture
def told() -> Iterator[list[Change]]:
    """The changes that were told."""
    changes: list[Change] = []
    unsubscribe = subscribe(changes.append)
    yield changes
    unsubscribe()


async def test_every_way_to_change_a_tenant_is_told(store: TenantStore, told: list[Change]) -> None:
    acme = await store.create(ACME)
    await store.update(replace(acme, identifier="acme-corp", host=None))
    await store.set_status("1", TenantStatus.SUSPENDED, [TenantStatus.ACTIVE])
    await store.delete("1")
    await store.save_all([BOLT], [ACME])
    await store.delete("1", hard=True)
    renamed = TenantNames("1", "acme-corp")
    assert told == [
        Change((), (ACME_NAMES,)),
        Change((ACME_NAMES,), (renamed,)),
        Change((renamed,), (renamed,)),
        Change((renamed,), (renamed,)),
        Change((renamed,), (ACME_NAMES, BOLT_NAMES)),
        Change((ACME_NAMES,), ()),
    ]


async def test_what_changed_nothing_tells_of_nobody(store: TenantStore, told: list[Change]) -> None:
    await store.save_all([ACME, BOLT])
    told.clear()
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: store.create(ACME),
        lambda: store.update(replace(BOLT, identifier="acme")),
        lambda: store.update(Tenant(id="9", identifier="nobody")),
        lambda: store.delete("9"),
        lambda: store.delete("9", hard=True),
        lambda: store.save_all([Tenant(id="3", identifier="crux"), ACME], [BOLT]),
    ]
    for attempt in attempts:
        with pytest.raises(TenancyError):
            await attempt()
    assert told == []


async def test_it_is_told_once_others_can_read_it(tmp_path: Path) -> None:
    store = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/tenancy.db")
    another = SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/tenancy.db")
    await store.initialize()
    seen: list[TenantStatus] = []

    def look(change: Change) -> None:
        seen.append(asyncio.run(another.get_by_id(change.after[0].id)).status)

    unsubscribe = subscribe(look)
    try:
        await store.create(ACME)
        await store.delete("1")
    finally:
        unsubscribe()
        await store.close()
        await another.close()
    assert seen == [TenantStatus.ACTIVE, TenantStatus.DELETED]


async def test_a_cancelled_caller_keeps_nobody_in_the_dark(
    tenancy_database: str, told: list[Change]
) -> None:
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    arrived = threading.Event()
    unsubscribe = subscribe(lambda _change: arrived.set())
    blocker = psycopg.connect(driver_free(tenancy_database))
    blocker.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
    creating = asyncio.create_task(store.create(ACME))
    with psycopg.connect(driver_free(tenancy_database), autocommit=True) as looking:
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'tenants'::regclass"
        while not (await asyncio.to_thread(looking.execute, waiting)).fetchall():
            pass
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert told == []
    blocker.close()
    assert await asyncio.to_thread(arrived.wait, 30)
    unsubscribe()
    assert told == [Change((), (ACME_NAMES,))]
    assert await store.get_by_id("1")
    await store.close()


async def test_a_subscriber_that_fails_stops_neither_the_change_nor_the_others(
    store: TenantStore, told: list[Change], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_change: Change) -> None:
        raise ValueError("broken")

    later: list[Change] = []
    ends = [subscribe(broken), subscribe(later.append)]
    with caplog.at_level(logging.ERROR):
        await store.create(ACME)
    for unsubscribe in (*ends, *ends):
        unsubscribe()
    assert [r.getMessage() for r in caplog.records] == ["a subscriber to changes of tenants failed"]
    await store.create(BOLT)
    assert later == [Change((), (ACME_NAMES,))]
    assert len(told) == 2
