"""The tenant of the request that is being served."""

from __future__ import annotations

from contextvars import ContextVar

from fastapi_tenancy.model.tenant import Tenant

request_tenant: ContextVar[Tenant | None] = ContextVar("tenancy_request_tenant", default=None)


def current_request_tenant() -> Tenant | None:
    """The tenant that ``TenancyMiddleware`` found for this request; None outside of one.

    It holds in the endpoint, in threads and tasks that the endpoint starts, and in its
    background tasks.
    """
    return request_tenant.get()
