"""One of several processes that serve the same fleet; it does as its argument says.

``start``: start the application, say how it went, and stop at the end of the standard input.
``serve``: the same, and ask for each tenant in between.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastapi_tenancy import TenancyConfig, TenancyManager
from fastapi_tenancy.errors import TenancyError


def say(what: str) -> None:
    """Tell the test."""
    print(what, flush=True)


def told() -> str:
    """Wait for the test to say something."""
    return sys.stdin.readline()


async def serve(manager: TenancyManager, names: list[str]) -> None:
    """Ask for each of these tenants, all at once."""
    requests = [
        manager.resolve({"type": "http", "headers": [(b"x-tenant-id", name.encode())]})
        for name in names
    ]
    tenants = await asyncio.gather(*requests)
    say("served " + " ".join(tenant.identifier for tenant in tenants))


async def main(asked: dict[str, Any]) -> None:
    """Live the life of a replica."""
    manager = TenancyManager(TenancyConfig(**asked["settings"]))
    say("ready")
    await asyncio.to_thread(told)
    try:
        async with manager:
            say("started")
            await serve(manager, asked["names"])
            await asyncio.to_thread(told)
    except TenancyError as error:
        say(f"failed {error}")
        sys.exit(3)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
