"""The application: `uvicorn saas.app:app`, in the folder of tenancy.toml."""

from fastapi import Depends, FastAPI

from fastapi_tenancy import (
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    TenantDep,
    admin_router,
    readiness_router,
)
from saas import books, companies, users
from saas.auth import admin

manager = TenancyManager(TenancyConfig())

# The lifespan brings what all companies share to its newest revision (migrate_at_start).
app = FastAPI(title="Library", lifespan=manager.create_lifespan())
app.add_middleware(TenancyMiddleware, manager=manager)
app.include_router(books.router)
app.include_router(users.router)
app.include_router(companies.router)
app.include_router(admin_router(manager, dependencies=[Depends(admin)]))
app.include_router(readiness_router(manager))


@app.get("/")
async def home(tenant: TenantDep) -> dict[str, str]:
    """Say whose library this is."""
    return {"company": tenant.name or tenant.identifier}
