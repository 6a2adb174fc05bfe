"""Several processes on real PostgreSQL: what one of them does, the others do not do again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psycopg
import pytest

from fastapi_tenancy.storage.leases import LEASE_S
from fleet import NAMES, Fleet
from pooler import PROGRAM, pooled
from replicas import replicas
from several import revision

RUNS = """
op.execute("INSERT INTO public.runs VALUES ('{0}', current_schema())")
"""
BLOCKED = 'op.execute("SELECT pg_advisory_xact_lock(42)")'
MANY = 6


@pytest.fixture
async def counted(fleet: Fleet) -> Fleet:
    """All tenants at t3, and two revisions that say when they are applied."""
    await fleet.at("t3")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.runs (revision text, schema text)")
    revision(fleet.versions, "t4", "t3", RUNS.format("t4"))
    revision(fleet.versions, "t5", "t4", RUNS.format("t5"))
    return fleet


def runs(fleet: Fleet) -> list[tuple[str, str]]:
    """What was applied, where."""
    with psycopg.connect(fleet.url) as connection:
        found = connection.execute("SELECT revision, schema FROM public.runs ORDER BY 1, 2")
        return [(str(one), str(other)) for one, other in found]


EACH_ONCE = [(r, f"tenant_{name}") for r in ("t4", "t5") for name in sorted(NAMES)]


async def test_each_tenant_is_migrated_by_one_of_many(counted: Fleet) -> None:
    given = {"database_url": str(counted.url), "when_behind": "migrate", "migrate_wait_s": 100}
    with replicas(MANY, counted.folder, list(NAMES) * 3, **given) as started:
        for one in started:
            one.go()
        for one in started:
            assert one.says() == "started"
            assert one.says() == "served " + " ".join(NAMES * 3)
        assert [one.end() for one in started] == [0] * MANY
    assert runs(counted) == EACH_ONCE


@pytest.fixture(params=["server", "pooler"])
def address(request: pytest.FixtureRequest, counted: Fleet) -> Iterator[str]:
    """The server itself, and PgBouncer in transaction mode with few connections to it."""
    if request.param == "server":
        yield str(counted.url)
        return
    if PROGRAM is None and "CI" not in os.environ:
        pytest.skip("PgBouncer is not installed")
    with pooled(str(counted.url), 4) as through:
        yield through


async def test_one_of_many_migrates_at_the_start(counted: Fleet, address: str) -> None:
    given = {"database_url": address, "migrate_at_start": "all", "when_behind": "refuse"}
    with replicas(MANY, counted.folder, list(NAMES), concurrency=2, **given) as started:
        for one in started:
            one.go()
        for one in started:
            assert one.says() == "started"
            assert one.says() == "served " + " ".join(NAMES)
        assert [one.end() for one in started] == [0] * MANY
    assert runs(counted) == EACH_ONCE


def blocked(connection: psycopg.Connection) -> int | None:
    """The server process that waits for the test's lock."""
    row = connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted"
    ).fetchone()
    return None if row is None else int(row[0])


@pytest.mark.slow
async def test_who_is_killed_in_the_middle_does_not_keep_the_others_for_long(
    counted: Fleet,
) -> None:
    revision(counted.versions, "t6", "t5", BLOCKED)
    given = {"database_url": str(counted.url), "migrate_at_start": "all", "when_behind": "refuse"}
    with (
        replicas(MANY, counted.folder, list(NAMES), **given) as started,
        psycopg.connect(counted.url, autocommit=True) as watching,
        psycopg.connect(counted.url) as holding,
    ):
        holding.execute("SELECT pg_advisory_xact_lock(42)")
        first, *others = started
        first.go()
        while blocked(watching) is None:
            pass
        for one in others:
            one.go()
        killed = time.monotonic()
        first.process.kill()
        holding.rollback()
        for one in others:
            assert one.says() == "started"
            assert one.says() == "served " + " ".join(NAMES)
        assert time.monotonic() - killed < 3 * LEASE_S
        assert [one.end() for one in others] == [0] * len(others)
    assert runs(counted) == EACH_ONCE
