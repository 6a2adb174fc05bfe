"""admin_router: everything an operator does, over HTTP, behind authentication."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from fastapi_tenancy.errors import ConfigurationError, MissingExtraError
from fastapi_tenancy.manager import TenancyManager

try:
    from fastapi import APIRouter, Depends
    from fastapi.params import Depends as Dependency

    from fastapi_tenancy.web.admin.desk import Desk
    from fastapi_tenancy.web.admin.elsewhere import Elsewhere
    from fastapi_tenancy.web.admin.moves import MoveEndpoints
    from fastapi_tenancy.web.admin.route import ProblemRoute
    from fastapi_tenancy.web.admin.tenants import TenantEndpoints
    from fastapi_tenancy.web.admin.watching import RunEndpoints
except ModuleNotFoundError as missing:
    raise MissingExtraError("fastapi", missing) from missing


def admin_router(
    manager: TenancyManager,
    *,
    dependencies: Sequence[Dependency] = (),
    prefix: str = "/admin",
    tags: Sequence[str | Enum] = ("tenancy",),
    allow_unauthenticated: bool = False,
) -> APIRouter:
    """Return a router for ``app.include_router``: tenants, their migrations, runs of the fleet.

    Its errors are problems (RFC 9457). Work that takes long goes on by itself as a run, kept in
    memory by this process; runs are stopped at a revision when the application ends.

    Args:
        dependencies: what a request has to satisfy, such as ``[Depends(require_operator)]``.
        prefix: the path all of it is below. Where ``TenancyMiddleware`` is used it has to be one
            of ``paths_without_tenant``, as ``/admin`` is.
        tags: of the path operations in the OpenAPI description.
        allow_unauthenticated: do without ``dependencies``, because something else keeps
            strangers out.

    Raises:
        ConfigurationError: there are no dependencies, and nobody said that this is meant; or the
            prefix is none.
    """
    if not dependencies and not allow_unauthenticated:
        raise ConfigurationError(
            "the admin router creates and migrates tenants for whoever can reach it, and there is"
            " nothing that asks who that is: pass dependencies=[Depends(...)] that refuses"
            " strangers, or allow_unauthenticated=True where something else keeps them out"
        )
    _require_prefix(prefix)
    run_route = f"tenancy_admin_run {prefix}"
    desk = Desk(manager, run_route)
    router = APIRouter(
        prefix=prefix,
        tags=list(tags),
        dependencies=[*dependencies, Depends(desk.ready)],
        route_class=ProblemRoute,
        lifespan=desk.lifespan,
    )
    TenantEndpoints(desk).add_to(router)
    MoveEndpoints(desk).add_to(router)
    RunEndpoints(desk).add_to(router, run_route)
    Elsewhere(router).add_to(router)
    return router


def _require_prefix(prefix: str) -> None:
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise ConfigurationError(
            f"the prefix of the admin router is {prefix!r}; expected a path that begins with a"
            " slash and ends without one, such as '/admin'"
        )
