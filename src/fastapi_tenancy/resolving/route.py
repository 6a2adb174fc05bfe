"""The path of a request as the application's routes see it."""

from __future__ import annotations

from fastapi_tenancy.resolving.key import Scope


def route_path(scope: Scope) -> str:
    """The path below ``root_path``, which servers put before it and some proxies take away."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(root + "/")):
        return path[len(root) :]
    return path
