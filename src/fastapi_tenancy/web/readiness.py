"""The readiness endpoint: the share of the fleet that the application can serve."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

import logging
from collections.abc import Sequence
from typing import Any

from fastapi_tenancy.errors import MissingExtraError, TenancyError
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.web.answer import PROBLEM, Answer, problem_of

try:
    from fastapi import APIRouter, Response
    from fastapi.responses import JSONResponse
    from pydantic import BaseModel, Field
except ModuleNotFoundError as missing:
    raise MissingExtraError("fastapi", missing) from missing

_log = logging.getLogger("fastapi_tenancy")
_TOO_FEW = "Too few can be served, or nobody can say"
_UNKNOWN = Answer(503, "Where the tenants stand cannot be read at the moment.")


class Readiness(BaseModel):
    """How many active tenants stand at a revision that the application serves."""

    ready: bool = Field(description="Whether share reaches least.")
    share: float = Field(description="The part of the tenants that is there, from 0 to 1.")
    least: float = Field(description="The share that is asked for (the setting ready_share).")
    tenants: int = Field(description="Active tenants.")
    there: int = Field(description="Tenants at a revision that is served.")
    behind: int = Field(description="Tenants below it.")
    beyond: int = Field(description="Tenants above it.")
    unreadable: int = Field(description="Tenants of whom it cannot be told.")


def readiness_router(
    manager: TenancyManager, path: str = "/readyz", *, dependencies: Sequence[Any] = ()
) -> APIRouter:
    """A router with one endpoint: 200 where enough tenants can be served, else 503.

    It counts and names nobody, asks the databases seldom however often it is asked, and says
    nothing about whether the process lives: an endpoint that returns is the one for that.

    Args:
        path: one of ``paths_without_tenant``, where ``TenancyMiddleware`` is used.
        dependencies: what FastAPI has to be content with first, such as who asks.
    """
    router = APIRouter(dependencies=list(dependencies))

    @router.get(
        path,
        summary="Whether enough tenants can be served",
        response_model=Readiness,
        responses={503: {"model": Readiness, "content": {PROBLEM: {}}, "description": _TOO_FEW}},
        tags=["health"],
    )
    async def readiness() -> Response:
        try:
            found = await _found(manager)
        except TenancyError as error:
            _log.warning("the readiness endpoint cannot tell: %s", error)
            return JSONResponse(problem_of(_UNKNOWN), _UNKNOWN.status, media_type=PROBLEM)
        return JSONResponse(found.model_dump(), 200 if found.ready else 503)

    return router


async def _found(manager: TenancyManager) -> Readiness:
    if not manager.ready:
        await manager.initialize()
    counted, least = await manager.revisions.share(), manager.config.least_ready
    return Readiness(
        ready=counted.share >= least,
        share=round(counted.share, 4),
        least=least,
        tenants=counted.tenants,
        there=counted.there,
        behind=counted.behind,
        beyond=counted.beyond,
        unreadable=counted.unreadable,
    )
