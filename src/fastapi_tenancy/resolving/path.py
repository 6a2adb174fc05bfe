"""The tenant's identifier at the beginning of the path."""

from __future__ import annotations

from fastapi_tenancy.resolving.key import Scope, TenantKey
from fastapi_tenancy.resolving.route import route_path


class PathResolver:
    """Reads the identifier ``acme`` from ``/t/acme/orders``.

    Args:
        prefix: what stands before the identifier, such as ``/t``; empty for nothing.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}/"

    def __call__(self, scope: Scope) -> TenantKey | None:
        """The identifier, or None where the path begins otherwise."""
        identifier = self._identifier(route_path(scope))
        return TenantKey("identifier", identifier) if identifier else None

    def inside(self, scope: Scope) -> dict[str, str]:
        """``path`` and ``root_path`` for routes that do not repeat prefix and identifier."""
        path, root = route_path(scope), scope.get("root_path", "")
        return {
            "path": f"{root}{path}",
            "root_path": f"{root}{self._prefix}{self._identifier(path)}",
        }

    def _identifier(self, path: str) -> str:
        if not path.startswith(self._prefix):
            return ""
        return path[len(self._prefix) :].partition("/")[0]
