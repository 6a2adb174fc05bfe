"""Companies come and are upgraded, as whoever runs the library says."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from fastapi_tenancy import TenancyManager, Tenant, TenantMigrationManager, manager_of
from fastapi_tenancy.errors import TenancyError, TenantNotFoundError
from fastapi_tenancy.provision.creating import id_of
from saas.auth import admin
from saas.shared_models import Company

ManagerDep = Annotated[TenancyManager, Depends(manager_of)]

router = APIRouter(tags=["companies"], dependencies=[Depends(admin)])

Name = Annotated[str, Query(pattern=r"\A[a-z][a-z0-9_-]*\z", max_length=50)]
Host = Annotated[str, Query(pattern=r"\A[a-z0-9.-]+\z", max_length=253)]


class CompanyOut(BaseModel):
    """A company, and the revision it stands at."""

    name: str
    host: str | None
    revision: str | None


@router.get("/companies")
async def companies(manager: ManagerDep) -> list[str]:
    """List the companies, from the tables that all of them share."""
    async with manager.sessions.common() as session:
        return list(await session.scalars(select(Company.identifier).order_by(Company.id)))


@router.post("/create", status_code=201)
async def create(manager: ManagerDep, name: Name, host: Host) -> CompanyOut:
    """Make a company: its schema is at the newest revision before anybody can use it."""
    store = manager.tenant_store
    wanted = Tenant(id=await id_of(store, name), identifier=name, name=name, host=host)
    try:
        tenant = await manager.create_tenant(wanted)
    except TenancyError as error:
        raise HTTPException(409, str(error)) from error
    async with manager.sessions.common() as session:
        row = insert(Company).values(identifier=name, name=name).on_conflict_do_nothing()
        await session.execute(row)
        await session.commit()
    migrations = TenantMigrationManager(manager.config, store)
    revision = await migrations.get_current_revision(tenant)
    return CompanyOut(name=name, host=tenant.host, revision=revision)


@router.post("/upgrade")
async def upgrade(manager: ManagerDep, name: Name, revision: str = "head") -> dict[str, Any]:
    """Bring one company to a revision."""
    return await _moved(manager, name, revision, "upgrade_tenant")


@router.post("/downgrade")
async def downgrade(manager: ManagerDep, name: Name, revision: str) -> dict[str, Any]:
    """Take one company back to a revision."""
    return await _moved(manager, name, revision, "downgrade_tenant")


async def _moved(manager: ManagerDep, name: str, revision: str, how: str) -> dict[str, Any]:
    try:
        tenant = await manager.tenant_store.get_by_identifier(name)
        migrations = TenantMigrationManager(manager.config, manager.tenant_store)
        return dict(await getattr(migrations, how)(tenant, revision))
    except TenantNotFoundError as error:
        raise HTTPException(404, f"there is no company {name!r}") from error
    except TenancyError as error:
        raise HTTPException(409, str(error)) from error
