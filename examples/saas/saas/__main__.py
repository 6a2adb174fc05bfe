"""`python -m saas`: the application on a PostgreSQL of its own, with three companies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from pathlib import Path

import uvicorn

from fastapi_tenancy.testing.postgres import EmbeddedPostgres

COMPANIES = ("acme", "bolt", "coil")


def port() -> int:
    """The port that the variable PORT asks for."""
    asked = os.environ.get("PORT") or "8000"
    if not asked.isdecimal() or not 1 <= int(asked) <= 65535:
        sys.exit(f"error: PORT is {asked!r}; expected a number from 1 to 65535, such as 8001")
    return int(asked)


def taken(number: int) -> socket.socket:
    """The port, kept from others before anything is said about it."""
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", number))
    except OSError as error:
        sys.exit(
            f"error: port {number} cannot be used: {error.strerror}. Choose another one, such as"
            " `PORT=8001 make example`"
        )
    return door


async def furnish(number: int) -> None:
    """Make the companies; a second start finds them."""
    from saas.app import app, manager
    from saas.companies import create

    async with app.router.lifespan_context(app):
        known = {tenant.identifier async for tenant in manager.tenant_store.stream()}
        for name in COMPANIES:
            if name not in known:
                made = await create(manager, name, f"{name}.localhost")
                print(f"  http://{made.host}:{number}/books stands at {made.revision}", flush=True)


def main() -> None:
    """Start the server, make the companies, and serve until Ctrl-C."""
    os.chdir(Path(__file__).parents[1])
    number = port()
    door = taken(number)
    token = os.environ.setdefault("SAAS_ADMIN_TOKEN", secrets.token_urlsafe(16))
    with EmbeddedPostgres() as server:
        os.environ["TENANCY_DATABASE_URL"] = url = str(server.url())
        print(f"A PostgreSQL of its own has started:\n  {url}\nCompanies:", flush=True)
        asyncio.run(furnish(number))
        print(f"The admin's token:\n  {token}", flush=True)
        print(f"The API:\n  http://127.0.0.1:{number}/docs", flush=True)
        uvicorn.Server(uvicorn.Config("saas.app:app", log_level="warning")).run([door])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
