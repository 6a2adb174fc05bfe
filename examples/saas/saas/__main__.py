"""`python -m saas`: the application on a PostgreSQL of its own, with three companies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from pathlib import Path

import uvicorn

from fastapi_tenancy.testing.postgres import EmbeddedPostgres

COMPANIES = ("acme", "bolt", "coil")
PORT = int(os.environ.get("PORT", "8000"))


async def furnish() -> None:
    """Make the companies; a second start finds them."""
    from saas.app import app, manager
    from saas.companies import create

    async with app.router.lifespan_context(app):
        known = {tenant.identifier async for tenant in manager.tenant_store.stream()}
        for name in COMPANIES:
            if name not in known:
                made = await create(manager, name, f"{name}.localhost")
                print(f"  http://{made.host}:{PORT}/books stands at {made.revision}", flush=True)


def main() -> None:
    """Start the server, make the companies, and serve until Ctrl-C."""
    os.chdir(Path(__file__).parents[1])
    token = os.environ.setdefault("SAAS_ADMIN_TOKEN", secrets.token_urlsafe(16))
    with EmbeddedPostgres() as server:
        os.environ["TENANCY_DATABASE_URL"] = url = str(server.url())
        print(f"A PostgreSQL of its own has started:\n  {url}\nCompanies:", flush=True)
        asyncio.run(furnish())
        print(f"The admin's token:\n  {token}", flush=True)
        print(f"The API:\n  http://127.0.0.1:{PORT}/docs", flush=True)
        uvicorn.run("saas.app:app", port=PORT, log_level="warning")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
