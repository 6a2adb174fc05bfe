"""The tenant's identifier at the beginning of the path."""

from __future__ import annotations

from typing import Any

from fastapi_tenancy.resolving.key import Scope, TenantKey
from fastapi_tenancy.resolving.mounted import TenantUrls
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

    def inside(self, scope: Scope) -> dict[str, Any]:
        """``path`` and ``root_path`` for routes that do not repeat prefix and identifier.

        In an application that is mounted in another, with the ``router`` that makes its URLs.
        """
        path, root = route_path(scope), scope.get("root_path", "")
        tenant = f"{self._prefix}{self._identifier(path)}"
        changed: dict[str, Any] = {"path": f"{root}{path}", "root_path": f"{root}{tenant}"}
        if "app_root_path" in scope and "router" in scope:
            changed["router"] = TenantUrls(scope, tenant)
        return changed

    def _identifier(self, path: str) -> str:
        if not path.startswith(self._prefix):
            return ""
        return path[len(self._prefix) :].partition("/")[0]
