"""Problems (RFC 9457): how errors are told, and described."""

# No `from __future__ import annotations`: pydantic reads the annotations.

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, Field

from fastapi_tenancy.web.answer import PROBLEM


class Complaint(BaseModel):
    """A part of a request that cannot be taken."""

    location: Annotated[list[str | int], Field(examples=[["body", "identifier"]])]
    message: str


class Problem(BaseModel):
    """What is wrong, for programs and for people (RFC 9457)."""

    type: Annotated[str, Field(examples=["about:blank"])]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: Annotated[
        list[Complaint] | None, Field(description="Of 422: what cannot be taken.")
    ] = None
    run: Annotated[
        str | None, Field(description="Of 409: the address of the run that is not over.")
    ] = None


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """A response that tells a problem.

    Args:
        more: members of ``Problem`` beside the usual ones.
    """
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    # ASCII: a text may hold half a character, which UTF-8 has no way to write.
    content = json.dumps(body).encode("ascii")
    given = {name: value for name, value in (headers or {}).items() if name.lower() not in _OURS}
    return Response(content, status, headers=given, media_type=PROBLEM)


_OURS = ("content-type", "content-length")

_MEANINGS = {
    400: "The body is no text.",
    401: "Nobody is signed in.",
    403: "Whoever is signed in may not do this.",
    404: "There is no such tenant or run.",
    409: "It cannot be done as things stand.",
    422: "The request cannot be taken.",
    500: "It was begun and failed.",
    503: "A server does not answer, or has no room.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of these problems, for ``responses`` of a path operation."""
    content = {PROBLEM: {"schema": _SCHEMA}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def _inlined() -> dict[str, Any]:
    schema = Problem.model_json_schema()
    definitions = schema.pop("$defs")
    text = json.dumps(schema)
    for name, definition in definitions.items():
        text = text.replace(json.dumps({"$ref": f"#/$defs/{name}"}), json.dumps(definition))
    found: dict[str, Any] = json.loads(text)
    return found


_SCHEMA = _inlined()
"""FastAPI puts models of responses under application/json only, so this one is spelt out."""
