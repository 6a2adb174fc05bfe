"""Reads the expression of a policy, as PostgreSQL writes it: does it keep tenants apart?"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r'(?:[A-Za-z_\x80-\U0010ffff][\w$]*|"(?:[^"]|"")+")'
_COLUMN = re.compile(_NAME)
_EQUALS = re.compile(
    r"""(?P<left>(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^"'])*?) = (?P<right>.*)""", re.DOTALL
)
_TYPE = rf"{_NAME}(?:\.{_NAME})?(?: varying| precision| with(?:out)? time zone)?"
_CAST = re.compile(rf"(?P<rest>.+)::(?P<type>{_TYPE})", re.DOTALL)
_SUBSELECT = re.compile(rf"SELECT (?P<rest>.+) AS {_NAME}", re.DOTALL)
_CURRENT = re.compile(
    r"current_setting\('(?P<name>(?:[^']|'')+)'::text(?:, (?:true|false))?\)", re.DOTALL
)
_NULLIF = re.compile(r"NULLIF\((?P<rest>.+), ''::text\)", re.DOTALL)
_WHOLE = frozenset(
    {"text", "character varying", "bpchar", "uuid", "smallint", "integer", "bigint", "numeric"}
)
"""Types a column may be cast to without two tenants becoming one."""


@dataclass(frozen=True, slots=True)
class Form:
    """A column that has to equal a setting."""

    column: str
    setting: str


def tenant_form(expression: str | None) -> Form | None:
    """The column and the setting that an expression says are equal; None if it says anything else.

    Casts, parentheses and ``NULLIF(..., '')`` around the setting change nothing about who sees
    what, nor does the order of the two.

    Args:
        expression: of ``pg_get_expr``, which puts every comparison into parentheses.
    """
    sides = _EQUALS.fullmatch(_bare(expression or ""))
    if sides is None:
        return None
    for column, setting in (sides.groups(), reversed(sides.groups())):
        named, said = _column(column), _setting(setting)
        if named and said:
            return Form(named, said)
    return None


def _column(text: str) -> str | None:
    text = _bare(text)
    cast = _CAST.fullmatch(text)
    if cast is not None and cast["type"] in _WHOLE:
        text = _bare(cast["rest"])
    if _COLUMN.fullmatch(text) is None:
        return None
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _setting(text: str) -> str | None:
    before = None
    while text != before:
        before, text = text, _bare(text)
        for pattern in (_CAST, _SUBSELECT, _NULLIF):
            found = pattern.fullmatch(text)
            text = found["rest"] if found else text
    found = _CURRENT.fullmatch(text)
    return found["name"].replace("''", "'") if found else None


def _bare(text: str) -> str:
    """The text without parentheses around all of it."""
    text = text.strip()
    while text.startswith("(") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the first parenthesis is closed; names and literals are passed over."""
    depth, quoted = 0, ""
    for at, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        else:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return at
    return -1
