"""An application in a server of its own: it starts, serves, and leaves no connection behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from fastapi_tenancy import SQLAlchemyTenantStore

MAIN = """
import asyncio
import socket
import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from sqlalchemy import text

from fastapi_tenancy import (
    TenancyConfig, TenancyManager, TenancyMiddleware, TenantDep, TenantSessionDep,
    current_request_tenant,
)

manager = TenancyManager(TenancyConfig())
app = FastAPI(lifespan=manager.create_lifespan())
app.add_middleware(TenancyMiddleware, manager=manager)


@app.get("/who")
def who(tenant: TenantDep) -> list[str]:
    return [tenant.identifier, current_request_tenant().identifier]


@app.get("/schema")
async def schema(session: TenantSessionDep) -> str:
    return await session.scalar(text("SELECT current_schema()"))


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def words():
        for _ in range(5):
            await asyncio.sleep(0)
            yield current_request_tenant().identifier + " "

    return StreamingResponse(words())


server = uvicorn.Server(uvicorn.Config(app, log_level="info"))
server.run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
sys.exit(0 if server.started else 3)
"""
Serve = Callable[[str], tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves the application on a port that is open before it starts."""
    processes: list[subprocess.Popen[str]] = []
    listening = socket.create_server(("127.0.0.1", 0))
    (tmp_path / "main.py").write_text(MAIN)

    def begin(url: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "main.py", str(listening.fileno())],
            cwd=tmp_path,
            pass_fds=[listening.fileno()],
            env={**os.environ, "TENANCY_DATABASE_URL": url, "TENANCY_CONNECT_TIMEOUT_S": "5"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield begin
    listening.close()
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def schemas(tenancy_database: str) -> None:
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tenant_acme")
        connection.execute("CREATE SCHEMA tenant_bolt")


async def test_it_serves_many_at_once_and_ends_whole(
    serve: Serve, tenancy_database: str, store: SQLAlchemyTenantStore, schemas: None
) -> None:
    await store.close()
    process, url = serve(tenancy_database)

    async def ask(http: httpx.AsyncClient, name: str) -> None:
        headers = {"X-Tenant-ID": name}
        assert (await http.get("/who", headers=headers)).json() == [name, name]
        assert (await http.get("/schema", headers=headers)).json() == f"tenant_{name}"
        assert (await http.get("/stream", headers=headers)).text.split() == [name] * 5

    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        await asyncio.gather(*(ask(http, name) for name in ("acme", "bolt") * 20))
        refused = [(await http.get("/who", headers={"X-Tenant-ID": n})).text for n in ("idle", "x")]
    assert refused[0] == refused[1]
    process.send_signal(signal.SIGTERM)
    _, told = await asyncio.to_thread(process.communicate, timeout=60)
    assert "the tenant 'idle' is suspended" in told
    assert "Application shutdown complete" in told
    assert "Traceback" not in told
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        row = connection.execute(query).fetchone()
    assert row == (0,)


async def test_it_does_not_start_without_its_catalogue(serve: Serve) -> None:
    process, _ = serve("postgresql://u:geheim@127.0.0.1:1/none")
    _, told = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 3
    assert "cannot be reached" in told
    assert "geheim" not in told
    assert "psycopg" not in told  # the driver's own errors say nothing more
