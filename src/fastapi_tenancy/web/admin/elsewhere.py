"""Answers for paths and methods that the admin router does not have."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

from fastapi import APIRouter, HTTPException, Request
from fastapi.routing import APIRoute
from starlette.routing import compile_path


class Elsewhere:
    """Tells 405 of a path that is there, with the methods it has, and 404 of others."""

    def __init__(self, router: APIRouter) -> None:
        self._known = [
            (compile_path(route.path.removeprefix(router.prefix))[0], route.methods or set())
            for route in router.routes
            if isinstance(route, APIRoute)
        ]

    def add_to(self, router: APIRouter) -> None:
        """Put it into a router, behind everything else."""
        for path, name in (("/{path:path}", "tenancy_admin_elsewhere"), ("", "tenancy_admin")):
            router.add_api_route(
                path,
                self.answer,
                methods=[],  # every method
                operation_id=name,
                name=name,
                include_in_schema=False,
            )

    async def answer(self, request: Request) -> None:
        """Say what is wrong."""
        path = f"/{request.path_params.get('path', '')}"
        allowed = {m for regex, methods in self._known if regex.match(path) for m in methods}
        if allowed:
            raise HTTPException(
                405,
                f"{request.method} is not what this path takes; expected"
                f" {' or '.join(sorted(allowed))}",
                {"allow": ", ".join(sorted(allowed))},
            )
        raise HTTPException(404, "There is nothing at this path.")
