"""A route whose every error is a problem (RFC 9457)."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.web.admin.documents.problem import problem
from fastapi_tenancy.web.admin.refusals import refusal

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ProblemRoute(APIRoute):
    """Tells what endpoints and their dependencies raise; what nobody foresaw is passed on."""

    def get_route_handler(self) -> _Handler:
        """The handler of FastAPI, and around it whoever tells its errors."""
        handle = super().get_route_handler()

        async def telling(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _untaken(error)
            except StarletteHTTPException as error:
                return _raised(error)
            except TenancyError as error:
                return refusal(error)

        return telling


def _untaken(error: RequestValidationError) -> Response:
    complaints = [{"location": list(one["loc"]), "message": one["msg"]} for one in error.errors()]
    first = complaints[0] if complaints else {"location": ["request"], "message": "invalid"}
    where = ".".join(str(part) for part in first["location"])
    more = f", and {len(complaints) - 1} more" if len(complaints) > 1 else ""
    detail = f"{where}: {first['message']}{more}"
    return problem(422, detail, errors=jsonable_encoder(complaints))


def _raised(error: StarletteHTTPException) -> Response:
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    detail: Any = error.detail
    if not isinstance(detail, str):
        detail = json.dumps(jsonable_encoder(detail))
    return problem(error.status_code, detail or HTTPStatus(error.status_code).phrase, error.headers)
