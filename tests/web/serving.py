"""Speaks to an application without a server in between, in the words of ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx


def client(app: Any, **headers: str) -> httpx.AsyncClient:
    """A client of an application; exceptions of endpoints are answers of 500."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://app.test", headers=headers)


@asynccontextmanager
async def started(app: Any) -> AsyncIterator[None]:
    """Start an application as a server does, and stop it at the end.

    Raises:
        RuntimeError: it refused to start or to stop; with its message.
    """
    async with _Lifespan(app):
        yield


class _Lifespan:
    def __init__(self, app: Any) -> None:
        self._to: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(app(scope, self._to.get, self._from.put))

    async def _ask(self, what: str) -> None:
        await self._to.put({"type": f"lifespan.{what}"})
        told = await self._from.get()
        if told["type"] != f"lifespan.{what}.complete":
            await self._task_ended()
            raise RuntimeError(told["message"])

    async def _task_ended(self) -> None:
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> None:
        await self._ask("startup")

    async def __aexit__(self, *error: object) -> None:
        await self._ask("shutdown")
        await self._task_ended()


async def websocket(
    app: Any, path: str = "/ws", *, denial: bool = True, **headers: str
) -> list[dict[str, Any]]:
    """Connect, listen, and disconnect when the application accepted or refused; what it sent.

    Args:
        denial: whether the server can answer with a response instead of accepting.
        headers: ``__`` in a name stands for a dash.
    """
    sent: list[dict[str, Any]] = []
    to_come = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(k.replace("__", "-").encode(), v.encode()) for k, v in headers.items()],
        "subprotocols": [],
        "scheme": "ws",
        "state": {},
        "extensions": {"websocket.http.response": {}} if denial else {},
    }

    async def receive() -> dict[str, Any]:
        return to_come.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
