"""What the middleware leaves in a request for the dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.web.asgi import Scope

_KEY = "fastapi_tenancy.served"


class Served(NamedTuple):
    """Who serves a request, and for whom; ``resolved`` tells nobody from not asked yet."""

    manager: TenancyManager
    tenant: Tenant | None = None
    resolved: bool = False


def leave(scope: Scope, served: Served) -> None:
    """Leave it in the scope of a request; the tenant is in its ``state`` for everybody.

    The scope stays the same object, so that middleware around this one sees what routing adds to
    it; its state is copied, because not every server makes one for each request.
    """
    scope[_KEY] = served
    if served.resolved:
        scope["state"] = {**scope.get("state", {}), "tenant": served.tenant}


def left_in(scope: Mapping[str, Any]) -> Served | None:
    """What the middleware left, or None where there is none."""
    found: Served | None = scope.get(_KEY)
    return found
