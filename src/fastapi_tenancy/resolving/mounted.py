"""URLs of an application that is mounted in another, and whose path begins with the tenant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi_tenancy.resolving.key import Scope


class TenantUrls:
    """Stands in for the router of a request: URLs below a mount hold the tenant of the request.

    Starlette makes every URL from the outermost application, whose routes know nothing of what
    was taken off the path further in. Whatever else is asked of the router is answered by it.

    Args:
        scope: of the request, where it comes to the application with the tenants.
        tenant: the part of its path that names the tenant, such as ``/t/acme``.
    """

    def __init__(self, scope: Scope, tenant: str) -> None:
        self._scope = {**scope, "type": "http", "method": "GET", "path_params": {}}
        self._router = scope["router"]
        self._top = scope["app_root_path"]
        self._mount = scope["root_path"][len(self._top) :]
        self._tenant = tenant

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """The path of a route, with the tenant where it leads to the mounted application."""
        found = self._router.url_path_for(name, **path_params)
        rest = found[len(self._mount) :]
        if not (found.startswith(self._mount) and rest[:1] in ("", "/") and self._leads_in(found)):
            return found
        path = f"{self._mount}{self._tenant}{rest}"
        return type(found)(path=path, protocol=found.protocol, host=found.host)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def _leads_in(self, path: str) -> bool:
        """Whether this is no route of an application further out, beside the mount."""
        scope = {**self._scope, "path": self._top + path, "root_path": self._top}
        return _ends_at(self._scope.get("endpoint"), self._router.routes, scope)


def _ends_at(endpoint: object, routes: Iterable[Any], scope: dict[str, Any]) -> bool:
    for route in routes:
        match, child = route.matches(scope)
        if match.value:
            found = child.get("endpoint") is endpoint
            below = getattr(route, "routes", None) or ()
            return found or _ends_at(endpoint, below, {**scope, **child})
    return False
