"""The words that requests are made of, with what each may look like."""

# No `from __future__ import annotations`: pydantic reads the annotations.

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

SLUG = r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$"
TEXT = r"^[^\x00]*$"
"""PostgreSQL keeps every character but NUL."""
WORD = r"^[^\x00]+$"

Slug = Annotated[str, Field(min_length=1, max_length=100, pattern=SLUG)]
"""An identifier or id that stands in a path as it is."""
Text = Annotated[str, Field(max_length=200, pattern=TEXT)]
Word = Annotated[str, Field(min_length=1, max_length=255, pattern=WORD)]
Tags = Annotated[
    dict[Word, Text],
    Field(max_length=50),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"minLength": 1, "maxLength": 255, "pattern": WORD},
            "additionalProperties": {"type": "string", "maxLength": 200, "pattern": TEXT},
        }
    ),
]
Host = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
        r"(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$",
        examples=["acme.example.com"],
    ),
]
Revision = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=WORD,
        description="An id or the beginning of one, a branch label, head, heads, base, or +1 and"
        " -1 from where each tenant stands.",
        examples=["head"],
    ),
]
Track = Annotated[
    Word | None, Field(description="The one of several histories; all of them without it.")
]


def _whole(value: object) -> object:
    """JSON has one kind of number: 5.0 is a whole one, and neither "5" nor true is any."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Connections = Annotated[int, Field(strict=True, ge=1, le=200), BeforeValidator(_whole)]


class Asked(BaseModel):
    """A body that takes what it knows, of the type it says, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Given(BaseModel):
    """A document that is read only."""

    model_config = ConfigDict(frozen=True)
