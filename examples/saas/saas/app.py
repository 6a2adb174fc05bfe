"""The application: `uvicorn saas.app:app`, in the folder of tenancy.toml."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fastapi_tenancy import (
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    TenantDep,
    TenantMigrationManager,
)
from saas import books, companies, users

manager = TenancyManager(TenancyConfig())


@asynccontextmanager
async def start(_app: FastAPI) -> AsyncIterator[None]:
    """Bring what all companies share to its newest revision; nobody is served before."""
    shared = TenantMigrationManager(manager.config, manager.tenant_store, track="shared")
    for result in await shared.upgrade_all():
        if not result["success"]:
            raise RuntimeError(f"{result['target']}: {result['error']}")
    yield


app = FastAPI(title="Library", lifespan=manager.create_lifespan(start))
app.add_middleware(TenancyMiddleware, manager=manager)
app.include_router(books.router)
app.include_router(users.router)
app.include_router(companies.router)


@app.get("/")
async def home(tenant: TenantDep) -> dict[str, str]:
    """Say whose library this is."""
    return {"company": tenant.name or tenant.identifier}
