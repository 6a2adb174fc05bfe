"""Refusals of the dependencies, answered as the middleware answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import HTTPException, WebSocketException
from fastapi.requests import HTTPConnection
from fastapi.responses import Response
from fastapi.websockets import WebSocket, WebSocketState

from fastapi_tenancy.errors import TenantRefusedError, UnavailableError
from fastapi_tenancy.web.answer import PROBLEM, Answer
from fastapi_tenancy.web.refusal import refused

_HANDLERS = "starlette.exception_handlers"
_FRAMEWORKS = frozenset(("fastapi", "starlette"))


class RefusedException(HTTPException):
    """An ``HTTPException`` whose answer is a whole problem (RFC 9457)."""

    def __init__(self, answer: Answer) -> None:
        headers = {"content-type": PROBLEM, **dict(answer.headers)}
        super().__init__(answer.status, answer.detail, headers)
        self.answer = answer


def refusal(
    connection: HTTPConnection, error: TenantRefusedError | UnavailableError, refused_status: int
) -> Exception:
    """What a dependency raises, so that a request is answered and a WebSocket closed."""
    if _state(connection) is WebSocketState.DISCONNECTED:
        return error  # nobody is there to be told
    answer = refused(connection.scope, error, refused_status)
    if _can_respond(connection):
        return RefusedException(answer)
    return WebSocketException(answer.close_code, answer.detail)


def answer_problems(connection: HTTPConnection) -> None:
    """Have the application answer refusals whole, where it has no handler of its own for them.

    FastAPI sends but the ``detail`` of an ``HTTPException``, and knows nothing of an outage that a
    session opened by hand ends with. Dependencies cannot answer by themselves, and it is too late
    for ``add_exception_handler`` once an application has started.
    """
    handlers, _ = connection.scope.get(_HANDLERS, ({}, {}))
    if RefusedException not in handlers and _is_of_framework(_handler(handlers, HTTPException)):
        handlers[RefusedException] = _refused
    if _handler(handlers, UnavailableError) is None:
        handlers[UnavailableError] = answer_unavailable


async def answer_unavailable(connection: HTTPConnection, error: Exception) -> Response | None:
    """Answer an ``UnavailableError`` that leaves an endpoint, for ``add_exception_handler``."""
    if not isinstance(error, UnavailableError):
        raise error
    answer = refused(connection.scope, error, 503)
    if _can_respond(connection):
        return _response(answer)
    if isinstance(connection, WebSocket) and _state(connection) is not WebSocketState.DISCONNECTED:
        await connection.close(answer.close_code, answer.detail)
    return None


async def _refused(_: HTTPConnection, error: RefusedException) -> Response:
    return _response(error.answer)


def _response(answer: Answer) -> Response:
    return Response(answer.body(), answer.status, dict(answer.headers), PROBLEM)


def _can_respond(connection: HTTPConnection) -> bool:
    """Whether a response may be sent: instead of accepting a WebSocket, where the server can."""
    if connection.scope["type"] == "http":
        return True
    can = "websocket.http.response" in connection.scope.get("extensions", {})
    return can and _state(connection) is WebSocketState.CONNECTING


def _state(connection: HTTPConnection) -> WebSocketState | None:
    return connection.application_state if isinstance(connection, WebSocket) else None


def _handler(handlers: Mapping[Any, Any], kind: type[Exception]) -> object:
    return next((handlers[one] for one in kind.__mro__ if one in handlers), None)


def _is_of_framework(handler: object) -> bool:
    return getattr(handler, "__module__", "").partition(".")[0] in _FRAMEWORKS
