"""The applications of the benchmark of requests: the same endpoint, with a tenant and without."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Mapping

import uvicorn
from fastapi import FastAPI

from fastapi_tenancy import TenancyConfig, TenancyMiddleware


def plain() -> FastAPI:
    """An application that knows no tenants."""
    app = FastAPI()

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/worked")
    async def worked() -> float:
        """Seconds of processor time that this process took so far."""
        return time.process_time()

    return app


def tenants() -> FastAPI:
    """The same with the middleware in front, and its settings from the environment."""
    app = plain()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig())
    return app


_APPLICATIONS: Mapping[str, Callable[[], FastAPI]] = {"plain": plain, "tenants": tenants}


def _main(name: str, listening: str) -> None:
    """Serve an application on a socket of the process that started this one."""
    # Not `uvicorn --fd`, which takes every socket for a local one and leaves Nagle's algorithm on.
    server = uvicorn.Server(
        uvicorn.Config(_APPLICATIONS[name](), access_log=False, log_level="warning")
    )
    server.run(sockets=[socket.socket(fileno=int(listening))])


if __name__ == "__main__":
    _main(*sys.argv[1:])
