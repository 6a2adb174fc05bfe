"""Compares what a rendered revision writes with what it wrote when it ran live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from uuid import UUID

from fastapi_tenancy.engine.excerpts import excerpt
from fastapi_tenancy.engine.lexer import Token, tokens

_DDL = {"CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "TRUNCATE", "REFRESH", "LOCK"}
_SESSION = {"SET", "RESET", "SHOW", "SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK"}
_CAST_WORDS = {"PRECISION", "VARYING", "WITH", "WITHOUT", "TIME", "ZONE"}
_SHOWN = 160
"""Characters of a statement shown in a difference."""
_UUID = "'\0"
"""What a normalized text begins with that is cast to UUID; others begin with a quote alone."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def writes_rows(sql: str) -> bool:
    """True for statements whose effect a structure fingerprint does not show."""
    first = next((t.upper for t in tokens(sql) if t.text != ";"), None)
    return first is not None and first not in _DDL and first not in _SESSION


def normalized(sql: str) -> tuple[str, ...]:
    """The statement as a tuple of tokens in which equal values are written alike.

    Casts are dropped, numbers and strings brought to one spelling, bare words lowered:
    two drivers spell the same value differently.
    """
    return tuple(_spelled(token) for token in _kept(sql))


def _kept(sql: str) -> list[Token]:
    """The tokens that are compared."""
    found = [t for t in tokens(sql) if t.text != ";"]
    out: list[Token] = []
    index = 0
    while index < len(found):
        token = found[index]
        if token.kind == "cast":
            index = _after_cast(found, index + 1)
            continue
        kinds = [t.kind for t in found[index : index + 3]]
        is_uuid = kinds == ["string", "cast", "word"] and found[index + 2].upper == "UUID"
        out.append(replace(token, kind="uuid") if is_uuid else token)
        index += 1
    return out


def shape(sql: str) -> tuple[str, ...]:
    """The statement with every string and number replaced by ``?``."""
    return tuple("?" if t.kind in ("string", "number") else t.text for t in tokens(sql))


def first_difference(
    rendered: Sequence[str], live: Sequence[str], again: Sequence[str]
) -> str | None:
    """Say how the row-writing statements of a render and a live run differ, or None.

    ``again`` is a second render: tokens in which the two renders differ are random or
    time values and are left out of the comparison.
    """
    mine = [normalized(s) for s in rendered if writes_rows(s)]
    other = [normalized(s) for s in again if writes_rows(s)]
    theirs = [normalized(s) for s in live if writes_rows(s)]
    if len(mine) != len(theirs):
        return f"live it sent {len(theirs)} row-writing statements, rendered {len(mine)}"
    for number, (a, b, c) in enumerate(zip(mine, other, theirs, strict=False)):
        unstable = {i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y}
        pairs = enumerate(zip(a, c, strict=False))
        at = next((i for i, (x, z) in pairs if not _same(x, z) and i not in unstable), None)
        if at is None and len(a) != len(c):
            at = min(len(a), len(c))
        if at is not None:
            ours, sent = ([s for s in side if writes_rows(s)][number] for side in (rendered, live))
            return f"rendered as «{_around(ours, at)}», live it sent «{_around(sent, at)}»"
    return None


def _same(one: str, other: str) -> bool:
    """True for equal tokens, and for a UUID spelled in two ways where a cast says it is one."""
    if one == other or _UUID not in (one[:2], other[:2]):
        return one == other
    try:
        return UUID(one.lstrip(_UUID)) == UUID(other.lstrip(_UUID))
    except ValueError:
        return False


def _around(sql: str, index: int) -> str:
    """What is shown of a statement that differs from a compared token on."""
    found = _kept(sql)
    return excerpt(sql, _SHOWN, found[index].start if index < len(found) else len(sql))


def _after_cast(found: list[Token], index: int) -> int:
    index += 1
    while index < len(found):
        token = found[index]
        if token.upper in _CAST_WORDS:
            index += 1
        elif token.text == "[" and index + 1 < len(found) and found[index + 1].text == "]":
            index += 2
        elif token.text == "(":
            while index < len(found) and found[index].text != ")":
                index += 1
            index += 1
        else:
            break
    return index


def _spelled(token: Token) -> str:
    text = token.text
    if token.kind == "number":
        try:
            return f"#{Decimal(text).normalize()}"
        except InvalidOperation:
            return text
    if token.kind == "uuid":
        return _UUID + text.strip("'")
    if token.kind == "string":
        if text[0] in "eE":
            return "'" + _ESCAPE.sub(r"\1", text[2:-1].replace("''", "'"))
        if text[0] == "'":
            return "'" + text[1:-1].replace("''", "'")
    return text.lower() if token.kind == "word" else text
