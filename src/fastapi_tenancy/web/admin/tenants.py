"""The endpoints of tenants: create, list, show, suspend, activate, delete."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from fastapi_tenancy.migrations.standing import read_stands
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.provision import life
from fastapi_tenancy.provision.creating import id_of
from fastapi_tenancy.web.admin.desk import Desk
from fastapi_tenancy.web.admin.documents.problem import documented
from fastapi_tenancy.web.admin.documents.tenant import (
    NewTenant,
    StandDocument,
    StandingTenant,
    TenantDocument,
    TenantPage,
)

MOST_CREATIONS = 2
"""Tenants created at a time; each of them takes a thread of the event loop."""

TenantName = Annotated[
    str, Path(min_length=1, max_length=255, description="Its identifier, or its id.")
]
Skip = Annotated[int, Query(ge=0, le=2**31 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class TenantEndpoints:
    """What can be done with tenants that touches no other than the one named."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._creating = asyncio.Semaphore(MOST_CREATIONS)

    def add_to(self, router: APIRouter) -> None:
        """Put them into a router."""
        one, name = "/tenants/{tenant}", "tenancy_admin_"
        problems = documented(401, 403, 404, 409, 422, 503)
        add = router.add_api_route
        add(
            "/tenants",
            self.list_tenants,
            methods=["GET"],
            name=f"{name}list_tenants",
            responses=documented(401, 403, 409, 422, 503),
        )
        add(
            "/tenants",
            self.create,
            methods=["POST"],
            name=f"{name}create_tenant",
            status_code=201,
            responses=documented(400, 401, 403, 409, 422, 500, 503) | _CREATED,
        )
        add(one, self.show, methods=["GET"], name=f"{name}show_tenant", responses=problems)
        add(one, self.delete, methods=["DELETE"], name=f"{name}delete_tenant", responses=problems)
        for step in (self.suspend, self.activate):
            word = step.__name__
            add(
                f"{one}/{word}",
                step,
                methods=["POST"],
                name=f"{name}{word}_tenant",
                responses=problems,
            )

    async def list_tenants(
        self,
        status: Annotated[
            TenantStatus | None, Query(description="Only these; all but deleted ones without it.")
        ] = None,
        skip: Skip = 0,
        limit: Limit = 100,
    ) -> TenantPage:
        """List tenants, in the order of the catalogue."""
        store = self._desk.manager.tenant_store
        found = await store.list(skip, limit, status)
        items = [TenantDocument.of(tenant) for tenant in found]
        return TenantPage(items=items, total=await store.count(status), skip=skip, limit=limit)

    async def create(self, new: NewTenant, request: Request, response: Response) -> TenantDocument:
        """Create a tenant that can be used at once, or finish one that is provisioning.

        It is entered, its schema, database or file is made, every history is brought to its head
        and read back. If that fails it stays `provisioning`, and the same request again goes on.
        """
        manager = self._desk.manager
        wanted = new.tenant(await id_of(manager.tenant_store, new.identifier))
        async with self._creating:
            made = await manager.create_tenant(wanted)
        response.headers["location"] = f"{request.scope['path'].rstrip('/')}/{made.identifier}"
        return TenantDocument.of(made)

    async def show(self, tenant: TenantName) -> StandingTenant:
        """Show a tenant, and where it stands in each history."""
        desk = self._desk
        found = await desk.tenant(tenant)
        config, isolation = desk.manager.config, desk.manager.isolation_provider
        stands = await desk.look(lambda: list(read_stands(config, isolation, found)))
        return StandingTenant(
            **TenantDocument.of(found).model_dump(),
            migrations=[StandDocument.of(stand) for stand in stands],
        )

    async def suspend(self, tenant: TenantName) -> TenantDocument:
        """Serve a tenant no longer. It is migrated all the same."""
        found = await self._desk.tenant(tenant)
        return TenantDocument.of(await life.suspend(self._desk.manager.tenant_store, found))

    async def activate(self, tenant: TenantName) -> TenantDocument:
        """Serve a suspended tenant again."""
        found = await self._desk.tenant(tenant)
        return TenantDocument.of(await life.activate(self._desk.manager.tenant_store, found))

    async def delete(self, tenant: TenantName) -> TenantDocument:
        """Mark a tenant deleted. Its name, its place and its data stay."""
        found: Tenant = await self._desk.tenant(tenant)
        return TenantDocument.of(await life.retire(self._desk.manager.tenant_store, found))


_CREATED: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "The tenant, active.",
        "headers": {"Location": {"description": "Its path.", "schema": {"type": "string"}}},
    }
}
