"""What endpoints depend on: the tenant of the request."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Annotated

from fastapi_tenancy.errors import (
    MissingExtraError,
    NoTenantNamedError,
    TenantRefusedError,
    UnavailableError,
)
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.web.served import left_in

try:
    import_module("greenlet")  # without it, SQLAlchemy's asyncio does not load
    from fastapi import Depends
    from fastapi.requests import HTTPConnection
    from sqlalchemy.ext.asyncio import AsyncSession

    from fastapi_tenancy.web.problems import answer_problems, refusal
except ModuleNotFoundError as missing:
    raise MissingExtraError("fastapi", missing) from missing


async def get_tenant(connection: HTTPConnection) -> Tenant:
    """The tenant of this request or WebSocket, with ``TenancyMiddleware`` or without.

    Raises:
        HTTPException: it has none that is served; WebSocketException where the server cannot
            answer a WebSocket with a response.
    """
    try:
        return await _tenant(connection)
    except (TenantRefusedError, UnavailableError) as error:
        raise _refusal(connection, error) from error


async def get_optional_tenant(connection: HTTPConnection) -> Tenant | None:
    """The tenant of this request, or None where it names none.

    Raises:
        HTTPException: as ``get_tenant``, where it names one that is not served.
    """
    try:
        return await _tenant(connection)
    except NoTenantNamedError:
        return None
    except (TenantRefusedError, UnavailableError) as error:
        raise _refusal(connection, error) from error


TenantDep = Annotated[Tenant, Depends(get_tenant)]
OptionalTenantDep = Annotated[Tenant | None, Depends(get_optional_tenant)]


async def get_tenant_session(
    connection: HTTPConnection, tenant: TenantDep
) -> AsyncIterator[AsyncSession]:
    """A session that sees the tenant of this request; it is closed after the response.

    To commit is the endpoint's. What it did not commit, when it raised for instance, is rolled
    back.

    Raises:
        HTTPException: as ``get_tenant``; with 503 also where the tenant's place is away when the
            session begins to use it, or is lost in between.
    """
    try:
        async with manager_of(connection).tenant_session(tenant) as session:
            yield session
    except UnavailableError as error:
        raise _refusal(connection, error) from error


TenantSessionDep = Annotated[AsyncSession, Depends(get_tenant_session)]


def manager_of(connection: HTTPConnection) -> TenancyManager:
    """The manager of the application that serves this request.

    Raises:
        RuntimeError: it has none.
    """
    served = left_in(connection.scope)
    if served is not None:
        return served.manager
    manager: TenancyManager | None = getattr(connection.app.state, "tenancy", None)
    if manager is None:
        raise RuntimeError(
            "the application has no TenancyManager; write"
            " FastAPI(lifespan=manager.create_lifespan()), or"
            " app.add_middleware(TenancyMiddleware, manager=manager)"
        )
    return manager


async def _tenant(connection: HTTPConnection) -> Tenant:
    answer_problems(connection)
    served = left_in(connection.scope)
    if served is None or not served.resolved:
        return await manager_of(connection).resolve(connection)
    if served.tenant is None:
        raise NoTenantNamedError("the request names no tenant")
    return served.tenant


def _refusal(connection: HTTPConnection, error: TenantRefusedError | UnavailableError) -> Exception:
    return refusal(connection, error, manager_of(connection).config.refused_status)
