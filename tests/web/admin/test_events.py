"""A run as it happens: server-sent events of a real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI, sse
from operators import SIGNED_IN, created

from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.web.admin.runs.run import Result, Run, RunState, Wish
from fastapi_tenancy.web.admin.watching import AT_ONCE, follow
from servers import served
from shelf import WAITS, Shelf


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's client of a server."""
    with served(app) as url:
        async with httpx.AsyncClient(base_url=url, headers=SIGNED_IN, timeout=60) as http:
            yield http


@pytest.fixture
def gate(tenancy_database: str) -> Iterator[psycopg.Connection]:
    """Holds the lock that a revision waits for, until it is closed."""
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        yield connection


async def events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream, and its comments."""
    event: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if line:
            event[field] = json.loads(value) if field == "data" else value
        elif event:
            yield event
            event = {}


async def test_a_run_is_followed_to_its_end(server: httpx.AsyncClient, shelf: Shelf) -> None:
    await created(server, "acme", "bolt")
    shelf.revision("b3", "b2", "pass")
    path = (await server.post("/admin/fleet/upgrade")).headers["location"]
    async with server.stream("GET", f"{path}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        seen = [event async for event in events(answer)]
    results = [event for event in seen if event["event"] == "result"]
    assert [event["id"] for event in results] == ["1", "2"]
    assert {event["data"]["identifier"] for event in results} == {"acme", "bolt"}
    assert (seen[0]["event"], seen[-1]["event"], seen[-1]["id"]) == ("run", "end", "end")
    assert (seen[-1]["data"]["state"], seen[-1]["data"]["done"]) == ("succeeded", 2)
    async with server.stream("GET", f"{path}/events", headers={"Last-Event-ID": "1"}) as answer:
        again = [event async for event in events(answer)]
    assert [event["id"] for event in again if "id" in event] == ["2", "end"]
    known = await server.get(f"{path}/events", headers={"Last-Event-ID": "end"})
    assert (known.status_code, known.content) == (204, b"")


async def test_whoever_goes_away_does_not_stop_the_run(
    server: httpx.AsyncClient,
    shelf: Shelf,
    gate: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    assert sse._PING_INTERVAL == 15
    await created(server, "acme")
    shelf.revision("b3", "b2", WAITS)
    path = (await server.post("/admin/fleet/upgrade")).headers["location"]
    async with server.stream("GET", f"{path}/events") as answer, aclosing(events(answer)) as told:
        first = await anext(told)
        assert first["data"]["state"] in ("waiting", "running")
        async for event in told:
            if event == {"": "ping"}:
                break
    run = (await server.get(path)).json()
    assert run["state"] == "running"
    await asyncio.to_thread(gate.close)
    async with server.stream("GET", f"{path}/events") as answer:
        last = [event async for event in events(answer)][-1]
    assert (last["event"], last["data"]["state"]) == ("end", "succeeded")
    assert shelf.stands("tenant_acme") == ["b3"]


def result(number: int, outcome: OutcomeKind = OutcomeKind.MIGRATED) -> Result:
    return Result("", f"id-{number}", f"t{number}", "s", outcome, "a", "b", "live", None, 1.0)


async def test_every_result_is_told_once_however_fast_they_come() -> None:
    run = Run(Wish(Command.UPGRADE, "head"))
    count = 3 * AT_ONCE + 1

    def work() -> None:
        run.begin()
        for number in range(count):
            run.note([result(number)])
        run.end_with(list(run.log), RunState.SUCCEEDED)

    thread = threading.Thread(target=work)
    thread.start()
    seen = [event async for event in follow(run, 0)]
    thread.join()
    ids = [event.id for event in seen if event.event == "result"]
    assert ids == [str(number) for number in range(1, count + 1)]
    assert seen[-1].event == "end"


async def test_what_the_read_back_corrects_is_told_again() -> None:
    run = Run(Wish(Command.UPGRADE, "head"))
    run.begin()
    run.note([result(1), result(2)])
    run.end_with([result(1), result(2, OutcomeKind.FAILED)], RunState.FAILED)
    seen = [event async for event in follow(run, 2)]
    told = [event for event in seen if event.event == "result"]
    assert [(event.id, event.data.outcome) for event in told] == [("3", OutcomeKind.FAILED)]
    assert seen[-1].data.counts.failed == 1
    assert [r.outcome for r in run.results] == [OutcomeKind.MIGRATED, OutcomeKind.FAILED]


@pytest.mark.parametrize("known", ["", "x", "-1", "99", "9" * 400, "\u00b2"])
async def test_an_unknown_last_event_is_harmless(server: httpx.AsyncClient, known: str) -> None:
    await created(server, "acme")
    path = (await server.post("/admin/tenants/acme/upgrade")).headers["location"]
    headers = {b"last-event-id": known.encode("latin-1")}
    async with server.stream("GET", f"{path}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert [event async for event in events(answer)][-1]["event"] == "end"
