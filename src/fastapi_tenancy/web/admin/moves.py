"""The endpoints that migrate: one tenant or the fleet, dry or for real."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response

from fastapi_tenancy.engine.status import FleetStatus, summarize
from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.web.admin.desk import Desk
from fastapi_tenancy.web.admin.documents.fleet import (
    FleetDocument,
    PlanDocument,
    TrackPlan,
    TrackStatus,
)
from fastapi_tenancy.web.admin.documents.problem import documented
from fastapi_tenancy.web.admin.documents.run import Downgrade, FleetUpgrade, RunDocument, Upgrade
from fastapi_tenancy.web.admin.documents.words import Revision, Word
from fastapi_tenancy.web.admin.own import Moves
from fastapi_tenancy.web.admin.runs.run import Wish
from fastapi_tenancy.web.admin.tenants import TenantName

TO_HEAD = Upgrade()
EVERYBODY = FleetUpgrade()
"""What a request without a body asks for."""


class MoveEndpoints:
    """What moves tenants, or says what would."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put them into a router."""
        one, name = "/tenants/{tenant}", "tenancy_admin_"
        problems = documented(401, 403, 404, 409, 422, 503)
        without = documented(401, 403, 409, 422, 503)
        body = documented(400)
        add = router.add_api_route
        add(
            f"{one}/plan",
            self.plan_tenant,
            methods=["GET"],
            name=f"{name}plan_tenant",
            responses=problems,
        )
        for path, endpoint, responses in (
            (f"{one}/upgrade", self.upgrade_tenant, problems),
            (f"{one}/downgrade", self.downgrade_tenant, problems),
            ("/fleet/upgrade", self.upgrade_fleet, without),
        ):
            add(
                path,
                endpoint,
                methods=["POST"],
                name=f"{name}{endpoint.__name__}",
                status_code=202,
                responses=responses | body | _ACCEPTED,
            )
        add("/fleet", self.fleet, methods=["GET"], name=f"{name}fleet", responses=without)
        add(
            "/fleet/plan",
            self.plan_fleet,
            methods=["POST"],
            name=f"{name}plan_fleet",
            responses=without | body,
        )

    async def plan_tenant(
        self,
        tenant: TenantName,
        command: Annotated[Literal["upgrade", "downgrade"], Query()] = "upgrade",
        revision: Annotated[Revision, Query()] = "head",
        track: Annotated[Word | None, Query()] = None,
    ) -> PlanDocument:
        """Say what an upgrade or downgrade of a tenant would do, and do none of it."""
        found = await self._desk.tenant(tenant)
        request = await self._desk.request(
            Command(command), revision, track, alone=True, create=True
        )
        chosen = Selection(identifiers=frozenset({found.identifier}))
        return await self._plan(request, chosen, command)

    async def upgrade_tenant(
        self,
        tenant: TenantName,
        http: Request,
        response: Response,
        wish: Annotated[Upgrade, Body()] = TO_HEAD,
    ) -> RunDocument:
        """Upgrade a tenant, in the histories of its own."""
        command = Command.UPGRADE
        return await self._one(http, response, tenant, command, wish.revision, wish.track)

    async def downgrade_tenant(
        self, tenant: TenantName, http: Request, response: Response, wish: Downgrade
    ) -> RunDocument:
        """Downgrade a tenant, in a history of its own.

        Revisions that drop something lose what was in it.
        """
        found = await self._desk.tenant(tenant)
        if wish.confirm != found.identifier:
            raise ConfigurationError(
                f"confirm is {wish.confirm!r}; a downgrade may lose data, so it has to be the"
                f" identifier {found.identifier!r}. Nothing was changed"
            )
        command = Command.DOWNGRADE
        return await self._one(http, response, tenant, command, wish.revision, wish.track)

    async def fleet(self) -> FleetDocument:
        """Count where the tenants stand, in each history."""

        def read(every: tuple[Opened, ...]) -> list[TrackStatus]:
            return [TrackStatus.of(opened.track, _status(opened)) for opened in every]

        tracks = await self._desk.with_tracks(read)
        return FleetDocument(is_up_to_date=all(t.at_head == t.total for t in tracks), tracks=tracks)

    async def plan_fleet(self, wish: Annotated[FleetUpgrade, Body()] = EVERYBODY) -> PlanDocument:
        """Say what an upgrade of the fleet would do, and do none of it."""
        request, chosen = await self._fleet(wish)
        return await self._plan(request, chosen, "upgrade")

    async def upgrade_fleet(
        self,
        http: Request,
        response: Response,
        wish: Annotated[FleetUpgrade, Body()] = EVERYBODY,
    ) -> RunDocument:
        """Upgrade every tenant, or those that are chosen. One such run at a time."""
        request, chosen = await self._fleet(wish)
        asked = Wish(Command.UPGRADE, wish.revision, track=wish.track)
        run, response.headers["location"] = self._desk.begin(http, asked, request, chosen)
        return RunDocument.of(run)

    async def _fleet(self, wish: FleetUpgrade) -> tuple[Moves, Selection]:
        for name in wish.tenants:
            try:
                await self._desk.tenant(name)
            except TenantNotFoundError as error:
                raise ConfigurationError(f"tenants names {name!r}: {error}") from error
        request = await self._desk.request(
            Command.UPGRADE,
            wish.revision,
            wish.track,
            create=wish.create,
            concurrency=wish.concurrency,
        )
        return request, Selection(
            identifiers=frozenset(wish.tenants),
            tags=MappingProxyType(wish.tags),
            statuses=wish.wanted,
        )

    async def _one(
        self,
        http: Request,
        response: Response,
        name: str,
        command: Command,
        revision: str,
        track: str | None,
    ) -> RunDocument:
        desk = self._desk
        found = await desk.tenant(name)
        self._require_alone(found)
        request = await desk.request(command, revision, track, alone=True, concurrency=1)
        asked = Wish(command, revision, found.identifier, track)
        chosen = Selection(identifiers=frozenset({found.identifier}))
        run, response.headers["location"] = desk.begin(http, asked, request, chosen)
        return RunDocument.of(run)

    def _require_alone(self, tenant: Tenant) -> None:
        """Refuse to move everybody in the name of one."""
        target = self._desk.manager.isolation_provider.target(tenant)
        if target.strategy is IsolationStrategy.RLS:
            raise ConfigurationError(
                f"tenant {tenant.identifier!r} lives in tables that others live in too, and what"
                " moves them moves everybody: upgrade the fleet instead, or use `tenancy upgrade`"
                " and `tenancy downgrade`. Nothing was changed"
            )

    async def _plan(
        self, request: Moves, chosen: Selection, command: Literal["upgrade", "downgrade"]
    ) -> PlanDocument:
        planned = await self._desk.look(lambda: request.prepare(chosen))
        tracks = [TrackPlan.of(asked.track, prepared) for asked, prepared in planned]
        return PlanDocument(command=command, tracks=tracks)


def _status(opened: Opened) -> FleetStatus:
    fleet, revision = opened.fleet, opened.track.asked("heads")
    options = fleet.options(Command.UPGRADE, revision)
    return summarize(fleet.history(), fleet.standings(options, Selection()), revision)


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The run, which goes on by itself.",
        "headers": {"Location": {"description": "Its path.", "schema": {"type": "string"}}},
    }
}
