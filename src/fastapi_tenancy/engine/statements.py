"""Which statements PostgreSQL refuses inside a transaction, and how to aim them at a schema.

The list follows the callers of PreventInTransactionBlock() in PostgreSQL's sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.engine.lexer import Token, tokens
from fastapi_tenancy.isolation.names import quote

_ALWAYS = {"VACUUM"}
_PAIRS = {
    ("CREATE", "DATABASE"),
    ("DROP", "DATABASE"),
    ("CREATE", "TABLESPACE"),
    ("DROP", "TABLESPACE"),
    ("ALTER", "SYSTEM"),
    ("CREATE", "SUBSCRIPTION"),
    ("ALTER", "SUBSCRIPTION"),
    ("DROP", "SUBSCRIPTION"),
    ("COMMIT", "PREPARED"),
    ("ROLLBACK", "PREPARED"),
    ("REINDEX", "DATABASE"),
    ("REINDEX", "SYSTEM"),
    ("REINDEX", "SCHEMA"),
}
_BEGINNINGS = _ALWAYS | {first for first, _ in _PAIRS} | {"CLUSTER"}
_COLUMN_WORDS = {"ASC", "DESC", "NULLS", "FIRST", "LAST"}
_AFTER_COLUMNS = {"INCLUDE", "NULLS", "NOT", "DISTINCT"}


def outside_transaction(sql: str) -> bool:
    """True when PostgreSQL refuses ``sql`` inside a transaction block."""
    coming = (t.upper for t in tokens(sql) if t.kind == "word")
    first = next(coming, None)
    if first not in _BEGINNINGS:  # most statements, and the longest ones, are read no further
        return False
    words = [first, *coming]
    if words[0] in _ALWAYS or tuple(words[:2]) in _PAIRS:
        return True
    if words[0] == "CLUSTER":
        return len(words) == 1 or words[1:] == ["VERBOSE"]
    if words[:2] == ["ALTER", "DATABASE"]:
        return "TABLESPACE" in words
    if words[:2] == ["ALTER", "TABLE"]:
        return "DETACH" in words and words[-1] == "CONCURRENTLY"
    if words[0] == "REINDEX":
        return "CONCURRENTLY" in words
    return _concurrent_index(words)


def _concurrent_index(words: list[str]) -> bool:
    start = words[:4]
    return start[:3] in (
        ["CREATE", "INDEX", "CONCURRENTLY"],
        ["DROP", "INDEX", "CONCURRENTLY"],
    ) or (start == ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY"])


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """A ``CREATE INDEX CONCURRENTLY``: the index name as PostgreSQL stores it, if given."""

    name: str | None


def concurrent_index(sql: str) -> ConcurrentIndex | None:
    """Return the index a ``CREATE INDEX CONCURRENTLY`` builds, or None for other statements."""
    found = list(tokens(sql))
    words = [t.upper for t in found]
    if not _concurrent_index([w for w in words if w]) or words[0] != "CREATE":
        return None
    at = words.index("CONCURRENTLY") + 1
    if words[at : at + 3] == ["IF", "NOT", "EXISTS"]:
        at += 3
    if words[at] == "ON":
        return ConcurrentIndex(None)
    return ConcurrentIndex(found[at].stored)


def aimed(sql: str, schema: str) -> str | None:
    """``sql`` with its table or indexes named in ``schema``, or None if that cannot be said safely.

    Only statements whose meaning depends on the search path through nothing but these names
    are rewritten: plain columns, no expression, no operator class, no WHERE.
    """
    found = list(tokens(sql))
    words = [t.upper for t in found]
    if words[:3] == ["DROP", "INDEX", "CONCURRENTLY"]:
        places = _dropped(found)
    elif concurrent_index(sql):
        places = _indexed(found)
    else:
        return None
    if places is None:
        return None
    prefix = quote(schema) + "."
    for token in reversed(places):
        sql = sql[: token.start] + prefix + sql[token.start :]
    return sql


def _dropped(found: list[Token]) -> list[Token] | None:
    at = 5 if [t.upper for t in found[3:5]] == ["IF", "EXISTS"] else 3
    places = []
    rest = [t for t in found[at:] if t.upper not in ("CASCADE", "RESTRICT")]
    while rest and rest[-1].text == ";":
        rest.pop()
    for index, token in enumerate(rest):
        if index % 2 == 0 and token.is_name:
            places.append(token)
        elif not (index % 2 and token.text == ","):
            return None
    return places or None


def _indexed(found: list[Token]) -> list[Token] | None:
    words = [t.upper for t in found]
    at = words.index("ON") + 1
    if words[at] == "ONLY":
        at += 1
    table, rest = found[at], found[at + 1 :]
    if rest and rest[0].text == ".":
        return [] if _plain(rest[2:]) else None
    return [table] if table.is_name and _plain(rest) else None


def _plain(rest: list[Token]) -> bool:
    """True when ``rest`` is only ``[USING method] (columns) [INCLUDE (columns)] [NULLS ...]``."""
    if rest and rest[0].upper == "USING":
        rest = rest[2:]
    depth, expect_name = 0, True
    for token in rest:
        if token.text == "(":
            depth, expect_name = depth + 1, True
            if depth > 1:
                return False
        elif token.text == ")":
            depth -= 1
        elif token.text == "," and depth:
            expect_name = True
        elif depth:
            if not expect_name and token.upper not in _COLUMN_WORDS:
                return False
            if expect_name and not token.is_name:
                return False
            expect_name = False
        elif token.text != ";" and token.upper not in _AFTER_COLUMNS:
            return False
    return depth == 0
