"""Finds in a statement what gives another value each time, or what is read from elsewhere."""

from __future__ import annotations

from fastapi_tenancy.engine.lexer import Token

_MOMENTS = {
    *("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"),
    *("CURRENT_USER", "SESSION_USER", "USER", "CURRENT_ROLE", "CURRENT_CATALOG", "CURRENT_SCHEMA"),
    "SYSTEM_USER",
}
_SPELLED = {"now", "today", "tomorrow", "yesterday"}
"""Strings that are a time of day for whoever reads them as one."""
_READING = {"SELECT", "USING", "JOIN", "WITH"}
_PURE = {
    *("COALESCE", "NULLIF", "LOWER", "UPPER", "INITCAP", "CONCAT", "REPLACE", "TRIM", "BTRIM"),
    *("LTRIM", "RTRIM", "SUBSTRING", "SUBSTR", "LEFT", "RIGHT", "LENGTH", "CHAR_LENGTH", "ABS"),
    *("ROUND", "GREATEST", "LEAST", "MD5", "CAST", "LPAD", "RPAD", "REPEAT", "REVERSE"),
    *("JSON_BUILD_OBJECT", "JSONB_BUILD_OBJECT", "JSON_BUILD_ARRAY", "JSONB_BUILD_ARRAY"),
    *("MAKE_DATE", "MAKE_TIME", "MAKE_INTERVAL", "NEXTVAL"),
}
"""Functions that give the same for the same arguments; NEXTVAL, whose sequence is copied, too."""
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


def moment_in(words: list[Token]) -> str:
    """What of a statement about rows is of the moment, in words; empty where nothing is."""
    if words[0].upper in ("CREATE", "ALTER"):
        return next(filter(None, map(_expression, _expressions(words))), "")
    said = {word.upper for word in words[1:]}
    if said & _READING or (words[0].upper == "UPDATE" and "FROM" in said):
        return "reads rows"
    # A list of columns may follow the name of the table, which is no call.
    return _expression(words[table_at(words) + 1 :])


def table_at(words: list[Token]) -> int:
    """Where INSERT, UPDATE or DELETE names its table."""
    named = (n for n, w in enumerate(words[1:], 1) if w.is_name and w.upper not in _NOISE)
    return next(named, len(words) - 1)


def _expression(words: list[Token]) -> str:
    for word, after in zip(words, [*words[1:], None], strict=True):
        if word.upper in _MOMENTS:
            return f"uses {word.text}"
        if word.kind == "string" and word.text.partition("'")[2][:-1].strip().lower() in _SPELLED:
            return f"uses {word.text}"
        called = word.is_name and after is not None and after.text == "("
        if called and word.stored.upper() not in _PURE | _TYPES and word.upper not in _WORDS:
            return f"calls {word.text}()"
        if word.kind == "dollar":
            return "uses a text in dollar quotes"
    return ""


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
