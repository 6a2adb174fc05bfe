"""Finds in a statement what gives another value each time, or what is read from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection

from fastapi_tenancy.engine.lexer import Token

_MOMENTS = {
    *("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"),
    *("CURRENT_USER", "SESSION_USER", "USER", "CURRENT_ROLE", "CURRENT_CATALOG", "CURRENT_SCHEMA"),
    "SYSTEM_USER",
}
_SPELLED = re.compile(
    r"[\s\d:.,+-]*(?:now|today|tomorrow|yesterday)(?:[\s\d:.,+-]+[\w/]*)?", re.IGNORECASE
)
"""Strings that are a time of day for whoever reads them as one, such as ``today 12:00 UTC``."""
_NUMBERED = {
    *("OID", "TABLEOID", "CTID", "XMIN", "XMAX", "CMIN", "CMAX", "REGCLASS", "REGPROC", "REGTYPE"),
    *("REGPROCEDURE", "REGOPER", "REGOPERATOR", "REGNAMESPACE", "REGCONFIG", "REGDICTIONARY"),
    *("REGROLE", "REGCOLLATION"),
}
"""Numbers that the server gives to objects and rows."""
_READING = {"SELECT", "USING", "JOIN", "WITH", "TABLE"}
_PURE = {
    *("COALESCE", "NULLIF", "LOWER", "UPPER", "INITCAP", "CONCAT", "REPLACE", "TRIM", "BTRIM"),
    *("LTRIM", "RTRIM", "SUBSTRING", "SUBSTR", "LEFT", "RIGHT", "LENGTH", "CHAR_LENGTH", "ABS"),
    *("ROUND", "GREATEST", "LEAST", "MD5", "CAST", "LPAD", "RPAD", "REPEAT", "REVERSE"),
    *("JSON_BUILD_OBJECT", "JSONB_BUILD_OBJECT", "JSON_BUILD_ARRAY", "JSONB_BUILD_ARRAY"),
    *("MAKE_DATE", "MAKE_TIME", "MAKE_INTERVAL"),
}
"""Functions that give the same for the same arguments."""
_WORDS = {
    *("VALUES", "IN", "AND", "OR", "NOT", "INTO", "ANY", "ALL", "SOME", "EXISTS", "WHEN", "THEN"),
    *("ELSE", "SET", "WHERE", "ROW", "ARRAY", "BETWEEN", "LIKE", "IS", "ON", "CONFLICT", "DO"),
}
_NOISE = {"INTO", "FROM", "ONLY"}
_TYPES = {
    *("VARCHAR", "CHAR", "CHARACTER", "VARYING", "NUMERIC", "DECIMAL", "TIMESTAMP", "TIME", "BIT"),
    *("INTERVAL", "FLOAT"),
}
_UNTIL = {
    *("NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "COLLATE"),
    "GENERATED",
}


def moment_in(words: list[Token], made: Collection[str]) -> str:
    """What of a statement about rows is of the moment, in words; empty where nothing is.

    Args:
        made: the tables and sequences that are made here, and so copied with what they count.
    """
    if words[0].upper in ("CREATE", "ALTER"):
        found = (_expression(expression, made) for expression in _expressions(words))
        return next(filter(None, found), "")
    said = {word.upper for word in words[1:]}
    if said & _READING or (words[0].upper == "UPDATE" and "FROM" in said):
        return "reads rows"
    # A list of columns may follow the name of the table, which is no call.
    return _expression(words[table_at(words) + 1 :], made)


def table_at(words: list[Token]) -> int:
    """Where INSERT, UPDATE or DELETE names its table."""
    named = (n for n, w in enumerate(words[1:], 1) if w.is_name and w.upper not in _NOISE)
    return next(named, len(words) - 1)


def _expression(words: list[Token], made: Collection[str]) -> str:
    words = _without_counts(words, made)
    for word, after in zip(words, [*words[1:], None], strict=False):
        if word.upper in _MOMENTS | _NUMBERED:
            return f"uses {word.text}"
        if word.kind == "string" and _is_odd(word, after):
            return f"uses {word.text}"
        called = word.is_name and after is not None and after.text == "("
        if called and word.stored.upper() not in _PURE | _TYPES and word.upper not in _WORDS:
            return f"calls {word.text}()"
        if word.kind == "dollar":
            return "uses a text in dollar quotes"
    return ""


def _is_odd(word: Token, after: Token | None) -> bool:
    """True for the name of a moment, and for strings that are spelled in parts or by numbers."""
    spelled = _SPELLED.fullmatch(word.text.partition("'")[2][:-1].strip())
    return bool(spelled) or word.text[:1] in "uU" or (after is not None and after.kind == "string")


def _without_counts(words: list[Token], made: Collection[str]) -> list[Token]:
    """Without ``nextval`` of sequences that are copied; those of others count for everybody."""
    kept, rest = [], list(words)
    while rest:
        called = [word.upper or word.text for word in rest[:6]]
        if called[:2] == ["NEXTVAL", "("] and len(rest) > 3 and _is_made(rest[2], made):
            behind = 5 if called[3:5] == ["::", "REGCLASS"] else 3
            if called[behind : behind + 1] == [")"]:
                del rest[: behind + 1]
                continue
        kept.append(rest.pop(0))
    return kept


def _is_made(named: Token, made: Collection[str]) -> bool:
    """True for the text of a sequence's name, or of one that belongs to a column."""
    name = named.text[1:-1]
    if named.kind != "string" or not named.text.startswith("'"):
        return False
    name = name[1:-1] if name.startswith('"') else name.lower()
    owned = name.endswith("_seq") and any(name.startswith(f"{table}_") for table in made)
    return "." not in name and (owned or name in made)


def _expressions(words: list[Token]) -> list[list[Token]]:
    """What stands behind DEFAULT and USING in a statement about a table."""
    found: list[list[Token]] = []
    depth, open_at = 0, None
    for number, word in enumerate(words):
        if open_at is None:
            if word.upper in ("DEFAULT", "USING"):
                open_at, depth = number + 1, 0
            continue
        depth += (word.text == "(") - (word.text == ")")
        if depth < 0 or (depth == 0 and (word.text == "," or word.upper in _UNTIL)):
            if word.upper == "NULL" and number == open_at:
                continue  # DEFAULT NULL
            found.append(words[open_at:number])
            open_at = None
    if open_at is not None:
        found.append(words[open_at:])
    return found
