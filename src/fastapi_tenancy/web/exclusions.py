"""Paths whose requests need no tenant."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.errors import ConfigurationError


class Exclusions:
    """Knows whether a path is one of some, or below one of them; ``/`` is that page alone."""

    def __init__(self, paths: Iterable[str]) -> None:
        paths = (paths,) if isinstance(paths, str) else tuple(paths)
        for path in paths:
            if not path.startswith("/"):
                raise ConfigurationError(
                    f"exclude names the path {path!r}, which no request has; write '/{path}'"
                )
        self._exact = frozenset(path.rstrip("/") for path in paths)
        self._below = tuple(f"{path}/" for path in self._exact if path)

    def __contains__(self, path: str) -> bool:
        return path.rstrip("/") in self._exact or path.startswith(self._below)
