"""Reads one side of a policy's comparison: a column or a setting, and what it is cast to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = r'(?:[A-Za-z_\x80-\U0010ffff][\w$]*|"(?:[^"]|"")+")'
_COLUMN = re.compile(_NAME)
_TYPE = rf"{_NAME}(?:\.{_NAME})?(?: varying| precision| with(?:out)? time zone)?"
_CAST = re.compile(rf"(?P<rest>.+)::(?P<type>{_TYPE})", re.DOTALL)
_BY_BYTES = re.compile(r'(?P<rest>.+) COLLATE "C"', re.DOTALL)
_SUBSELECT = re.compile(rf"SELECT (?P<rest>.+) AS {_NAME}", re.DOTALL)
_CURRENT = re.compile(
    r"current_setting\('(?P<name>(?:[^']|'')+)'::text(?:, (?:true|false))?\)", re.DOTALL
)
_NULLIF = re.compile(r"NULLIF\((?P<rest>.+), ''::text\)", re.DOTALL)
_EQUALS = re.compile(
    r"""(?P<left>(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^"'])*?) =\s(?P<right>.*)""", re.DOTALL
)
_CASE = re.compile(
    rf"CASE\s+WHEN (?P<when>.+) THEN (?P<rest>.+)\s+ELSE NULL::{_TYPE}\s+END", re.DOTALL
)
TEXTS = ("text", "character varying")
"""Types that hold any text as it is."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``by_bytes`` where no collation takes different texts for equal."""

    name: str
    cast: str | None
    by_bytes: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, and what it is cast to, the first cast first.

    It is ``canonical`` where it has to be written as PostgreSQL writes the value.
    """

    name: str
    casts: tuple[str, ...]
    canonical: bool = False


def read_column(text: str) -> Column | None:
    """The column that is all there is, but for a collation and a cast."""
    text = bare(text)
    collated = _BY_BYTES.fullmatch(text)
    if collated is not None:
        text = bare(collated["rest"])
    cast = _CAST.fullmatch(text)
    if cast is not None:
        text = bare(cast["rest"])
    if _COLUMN.fullmatch(text) is None:
        return None
    name = text[1:-1].replace('""', '"') if text.startswith('"') else text
    return Column(name, cast["type"] if cast else None, collated is not None)


def read_setting(text: str) -> Setting | None:
    """The setting that is all there is, but for casts, ``NULLIF``, a subselect and a ``CASE``.

    Of a ``CASE``, the condition has to be that the text of the setting's value is the setting.
    """
    casts, before, asked = list[str](), None, None
    while text != before:
        before, text = text, bare(text)
        case = _CASE.fullmatch(text)
        if case is not None:
            asked = canonical_of(case["when"])
            if asked is None:
                return None
            text = case["rest"]
            continue
        for pattern in (_CAST, _SUBSELECT, _NULLIF):
            found = pattern.fullmatch(text)
            if found is not None:
                casts[:0] = [found["type"]] if pattern is _CAST else []
                text = found["rest"]
                break
    found = _CURRENT.fullmatch(text)
    if found is None:
        return None
    name = found["name"].replace("''", "'")
    return Setting(name, tuple(casts), asked is not None and asked == (name, *casts[:1]))


def canonical_of(part: str) -> tuple[str, str] | None:
    """A setting and a type, where an expression says that the text of its value is the setting."""
    for left, right in sides_of(part):
        value, text = read_setting(left), read_setting(right)
        if value is None or text is None or value.name != text.name:
            continue
        kinds = [cast for cast in value.casts if cast not in TEXTS]
        if len(kinds) == 1 and all(cast in TEXTS for cast in text.casts):
            return value.name, kinds[0]
    return None


def sides_of(part: str) -> Iterator[tuple[str, str]]:
    """Both sides of an equation, in either order; nothing where it is none."""
    sides = _EQUALS.fullmatch(bare(part))
    if sides is not None:
        yield sides["left"], sides["right"]
        yield sides["right"], sides["left"]


def bare(text: str) -> str:
    """The text without parentheses around all of it."""
    text = text.strip()
    while text.startswith("(") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the first parenthesis is closed."""
    return next((at for at, depth in outside(text) if depth == 0), -1)


def outside(text: str) -> Iterator[tuple[int, int]]:
    """Every place and its depth in parentheses; names and literals are passed over."""
    depth, quoted = 0, ""
    for at, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        else:
            depth += {"(": 1, ")": -1}.get(character, 0)
            yield at, depth
