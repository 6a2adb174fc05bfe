"""Leases in a table: one owner at a time, for as long as it lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy import TenancyConfig
from fastapi_tenancy.migrations.env.placing import catalogue_tables, shared_place
from fastapi_tenancy.storage.leases import FORGIVEN_S, LEASE_S, LeaseTable


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tenancy_database: str, tmp_path: Path) -> str:
    return tenancy_database if request.param == "postgresql" else f"sqlite:///{tmp_path}/l.db"


@pytest.fixture
async def leases(url: str) -> AsyncIterator[LeaseTable]:
    made = LeaseTable(url)
    await made.prepare()
    yield made
    await made.close()


async def test_several_may_make_the_table_at_once(url: str) -> None:
    tables = [LeaseTable(url) for _ in range(5)]
    await asyncio.gather(*(table.prepare() for table in tables))
    taken = await asyncio.gather(*(t.take("one", str(n)) for n, t in enumerate(tables)))
    assert [lease.taken for lease in taken].count(True) == 1
    await asyncio.gather(*(table.close() for table in tables))


async def test_who_holds_it_keeps_it_and_gives_it_back(leases: LeaseTable) -> None:
    first = await leases.take("one", "me")
    assert first.taken
    assert first.until == pytest.approx(first.now + LEASE_S, abs=5)
    second = await leases.take("one", "you")
    assert (second.taken, second.owner, second.pause_s) == (False, "me", 0)
    assert (await leases.take("another", "you")).taken
    assert await leases.renew("one", "me")
    assert not await leases.renew("one", "you")
    await leases.give_back("one", "you")  # not his
    assert not (await leases.take("one", "you")).taken
    await leases.give_back("one", "me")
    assert (await leases.take("one", "you")).taken


async def test_a_failure_is_remembered_and_forgiven(leases: LeaseTable) -> None:
    for failures in (1, 2):
        lease = await leases.take("one", "me")
        assert (lease.taken, lease.failures) == (True, failures - 1)
        await leases.fail("one", "me", error="it broke", failures=failures, pause_s=0)
    assert (await leases.take("one", "me")).taken
    await leases.fail("one", "me", error="it broke", failures=3, pause_s=60)
    paused = await leases.take("one", "you")
    assert (paused.taken, paused.owner, paused.error) == (False, None, "it broke")
    assert 50 < paused.pause_s <= 60


async def test_work_that_was_done_meanwhile_is_not_done_again(leases: LeaseTable) -> None:
    assert (await leases.take("start", "me", work="head=3")).taken
    waiting = await leases.take("start", "you", work="head=3")
    assert not waiting.taken
    assert not waiting.done_since(waiting.now, "head=3")
    await leases.end("start", "me")
    found = await leases.take("start", "you", work="head=3", since=waiting.now)
    assert (found.taken, found.done_since(waiting.now, "head=3")) == (False, True)
    # Who starts later, or is for other work, does it himself.
    assert (await leases.take("start", "you", work="head=4", since=waiting.now)).taken
    await leases.end("start", "you")
    assert (await leases.take("start", "she", work="head=4")).taken


async def test_an_old_failure_is_not_counted(tenancy_database: str) -> None:
    leases = LeaseTable(tenancy_database)
    await leases.prepare()
    await leases.take("one", "me")
    await leases.fail("one", "me", error="it broke", failures=7, pause_s=0)
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("UPDATE tenancy_leases SET ended = ended - %s", [FORGIVEN_S + 1])
    assert (await leases.take("one", "me")).failures == 0
    await leases.close()


def test_the_table_is_none_of_the_projects(
    tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def hidden(**given: str) -> frozenset[str]:
        config = TenancyConfig(database_url=tenancy_database, isolation_strategy="rls", **given)
        place = shared_place(config)
        assert place is not None
        return catalogue_tables(place, config)

    assert hidden() == {"tenants", "tenancy_leases", "tenancy_baselines"}
    assert hidden(tenants_query="SELECT 1") == {"tenancy_leases", "tenancy_baselines"}
    assert hidden(catalogue_url="sqlite:///elsewhere.db") == frozenset()
