"""What a client is told that is not served: little, and always the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from fastapi_tenancy.errors import RevisionNotServedError, TenantRefusedError, UnavailableError
from fastapi_tenancy.web.asgi import Scope, Send

PROBLEM = "application/problem+json"
_NOBODY = "The request names no tenant that is served here."
_UNPROVEN = "The request carries no token that is accepted here."
_LATER = "The request cannot be served at the moment. Try again later."
_CUT_SHORT = "The request could not be completed. A part of it may have been carried out."
_UPDATED = "The tenant or the application is being updated. Try again later."
_POLICY_VIOLATION = 1008
_INTERNAL_ERROR = 1011
_TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True)
class Answer:
    """A problem (RFC 9457), and how a WebSocket is closed instead."""

    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    close_code: int = _POLICY_VIOLATION

    async def send(self, scope: Scope, send: Send, *, accepted: bool = False) -> None:
        """Answer an HTTP request, or refuse a WebSocket; one that was ``accepted`` is closed."""
        if scope["type"] == "http":
            await self._respond(send, "http.response")
        elif "websocket.http.response" in scope.get("extensions", {}) and not accepted:
            await self._respond(send, "websocket.http.response")
        else:
            close = {"type": "websocket.close", "code": self.close_code, "reason": self.detail}
            await send(close)

    def body(self) -> bytes:
        """The document that a client gets."""
        return json.dumps(problem_of(self)).encode()

    async def _respond(self, send: Send, kind: str) -> None:
        body = self.body()
        fields = (("content-type", PROBLEM), ("content-length", str(len(body))), *self.headers)
        headers = [(name.encode(), value.encode()) for name, value in fields]
        await send({"type": f"{kind}.start", "status": self.status, "headers": headers})
        await send({"type": f"{kind}.body", "body": body})


def problem_of(answer: Answer) -> dict[str, str | int]:
    """The document that a client gets."""
    title = HTTPStatus(answer.status).phrase
    return {
        "type": "about:blank",
        "title": title,
        "status": answer.status,
        "detail": answer.detail,
    }


def answer_to(error: TenantRefusedError | UnavailableError, refused_status: int) -> Answer:
    """What is said where a request has no tenant that is served, or none that can be now."""
    if isinstance(error, UnavailableError):
        if error.retry_after_s is None:
            return Answer(503, _CUT_SHORT, (), _INTERNAL_ERROR)
        detail = _UPDATED if isinstance(error, RevisionNotServedError) else _LATER
        headers = (("retry-after", str(error.retry_after_s)),)
        return Answer(503, detail, headers, _TRY_AGAIN_LATER)
    if error.challenge:
        return Answer(401, _UNPROVEN, (("www-authenticate", error.challenge),))
    return Answer(refused_status, _NOBODY)
