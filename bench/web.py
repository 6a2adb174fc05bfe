"""Benchmark of requests: a trivial endpoint with the middleware in front, and without."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.finding import Finding
from bench.load import load
from bench.sizes import Size
from fastapi_tenancy import SQLAlchemyTenantStore, Tenant
from fastapi_tenancy.testing.postgres import EmbeddedPostgres, create_database, drop_database

TENANTS = 1000
_GOAL = 0.85
_TURNS = 20
"""Turns of each contender in a round, short ones: whatever else runs meets both alike."""
WARM_S = "3600"
"""Seconds that tenants are remembered: for the whole of a benchmark."""
_HEAD = "GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
_REQUESTS = [f"{_HEAD}X-Tenant-ID: t{n}\r\n\r\n".encode() for n in range(TENANTS)]


@dataclass(slots=True)
class Served:
    """What a contender did in each round."""

    per_second: list[float] = field(default_factory=list)
    worked_ms: list[float] = field(default_factory=list)
    load_busy: list[float] = field(default_factory=list)


def requests_served(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """Requests of one uvicorn worker, for every tenant of the catalogue in turn."""
    url = str(create_database(server.url()))
    try:
        asyncio.run(_catalogue(url))
        with serving("tenants", url) as ours, serving("plain", url) as theirs:
            found = race({"tenants": ours, "plain": theirs}, size)
        return _findings(found["tenants"], found["plain"])
    finally:
        drop_database(url)


def race(ports: Mapping[str, int], size: Size) -> Mapping[str, Served]:
    """Load the applications on these ports in turns, and say what each did in every round."""
    found = {name: Served() for name in ports}
    for port in ports.values():
        load(port, _REQUESTS, size.seconds)  # to warm up
    for _ in range(size.rounds):
        turns = {name: Served() for name in ports}
        for number in range(_TURNS):
            for name in list(ports) if number % 2 else list(reversed(ports)):
                _turn(ports[name], size.seconds / _TURNS, turns[name])
        for name, taken in turns.items():
            found[name].per_second.append(_mean(taken.per_second))
            found[name].worked_ms.append(_mean(taken.worked_ms))
            found[name].load_busy.append(_mean(taken.load_busy))
    return found


def _turn(port: int, seconds: float, taken: Served) -> None:
    before = _worked_s(port)
    done = load(port, _REQUESTS, seconds)
    taken.per_second.append(done.per_second)
    taken.worked_ms.append((_worked_s(port) - before) / done.answers * 1000)
    taken.load_busy.append(done.busy * 100)


def _findings(ours: Served, theirs: Served) -> list[Finding]:
    name = f"one uvicorn worker, requests of {TENANTS} tenants through the middleware"
    against = "the same application without it"

    def finding(
        what: str, mine: Sequence[float], other: Sequence[float], rounds: list[float]
    ) -> Finding:
        parts = {f"with the middleware, {what}": mine, f"without, {what}": other}
        busy = {"load generator at work, %": ours.load_busy + theirs.load_busy}
        return Finding("web", f"{what}: {name}", against, rounds, "x", _GOAL, True, parts | busy)

    speed = [a / b for a, b in zip(ours.per_second, theirs.per_second, strict=True)]
    work = [b / a for a, b in zip(ours.worked_ms, theirs.worked_ms, strict=True)]
    return [
        finding("requests/s", ours.per_second, theirs.per_second, speed),
        finding("processor time, ms", ours.worked_ms, theirs.worked_ms, work),
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _worked_s(port: int) -> float:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/worked", headers={"X-Tenant-ID": "t0"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return float(answer.read())


async def _catalogue(url: str) -> None:
    store = SQLAlchemyTenantStore(url)
    await store.initialize()
    await store.save_all(Tenant(id=f"t{n}", identifier=f"t{n}") for n in range(TENANTS))
    await store.close()


@contextmanager
def serving(application: str, url: str, **settings: str) -> Iterator[int]:
    """Serve an application in a process of its own, on a port that is open from the beginning.

    Args:
        settings: environment variables for it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.web_app", application, str(number)],
            pass_fds=[number],
            cwd=Path(__file__).parents[1],
            env={
                **os.environ,
                "TENANCY_DATABASE_URL": url,
                "TENANCY_CACHE_TTL_S": WARM_S,
                **settings,
            },
        )
        try:
            yield int(listening.getsockname()[1])
        finally:
            process.terminate()
            process.wait()
