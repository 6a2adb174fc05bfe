"""The application: `uvicorn saas.app:app`, in the folder of tenancy.toml."""

from fastapi import FastAPI

from fastapi_tenancy import TenancyConfig, TenancyManager, TenancyMiddleware, TenantDep
from saas import books, companies, users

manager = TenancyManager(TenancyConfig())

app = FastAPI(title="Library", lifespan=manager.create_lifespan())
app.add_middleware(TenancyMiddleware, manager=manager)
app.include_router(books.router)
app.include_router(users.router)
app.include_router(companies.router)


@app.get("/")
async def home(tenant: TenantDep) -> dict[str, str]:
    """Say whose library this is."""
    return {"company": tenant.name or tenant.identifier}
