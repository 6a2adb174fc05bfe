"""What statements may leave behind in a session, where the next tenant would meet it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from fastapi_tenancy.engine.lexer import Token, tokens
from fastapi_tenancy.model.script import Rendered, Stage


class Residue(IntEnum):
    """How much has to be thrown away before a session may turn to another tenant."""

    NOTHING = 0
    SESSION = 1
    """What ``DISCARD ALL`` takes away."""
    CONNECTION = 2
    """What only a new connection takes away: a setting of one's own stays, as an empty text."""


CLEANING = """
SET CONSTRAINTS ALL IMMEDIATE
;
CLOSE ALL
;
SET SESSION AUTHORIZATION DEFAULT
;
RESET ALL
;
DO 'DECLARE found name; BEGIN
FOR found IN SELECT name FROM pg_prepared_statements WHERE from_sql LOOP
EXECUTE ''DEALLOCATE '' || quote_ident(found); END LOOP; END'
;
UNLISTEN *
;
SELECT pg_advisory_unlock_all()
;
DISCARD SEQUENCES
;
DISCARD TEMP
""".strip()
"""``DISCARD ALL`` in statements that a transaction may hold, to be its last ones.

Deferred triggers run before the search path is gone. Statements that a pooler has prepared by
the protocol are kept.
"""

_DEEP = re.compile(
    r"\b(?:set_config|setseed)\b|\bload\s+'|\bset\s+(?:session\s+|local\s+)?[\w\"]+\s*\.",
    re.IGNORECASE,
)
_PLAIN = {"CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "LOCK"}
"""Statements that run nobody's code but in the expressions they hold; others fire triggers."""
_TEMPORARY = {"TEMP", "TEMPORARY", "PG_TEMP"}
_NAME_FOLLOWS = {"TABLE", "EXISTS", "ON", "ONLY", "REFERENCES", "FUNCTION", "PROCEDURE"}
_NAME_FOLLOWS |= {"VIEW", "USING", "OF"}
_HARMLESS = {"VARCHAR", "CHAR", "CHARACTER", "VARYING", "NUMERIC", "DECIMAL", "BIT", "FLOAT"}
_HARMLESS |= {"TIME", "TIMESTAMP", "INTERVAL", "TIMESTAMPTZ", "KEY", "UNIQUE", "CHECK", "EXCLUDE"}
_HARMLESS |= {"INCLUDE", "AS", "IN", "FROM", "TO", "WITH", "SET", "RESET", "DEFAULT", "BY", "ENUM"}
_HARMLESS |= {"RANGE", "LIST", "HASH", "IDENTITY", "AND", "OR", "NOT", "WHERE", "ANY", "ALL"}
_HARMLESS |= {"NOW", "LOWER", "UPPER", "COALESCE", "LENGTH", "GEN_RANDOM_UUID", "NEXTVAL"}
_HARMLESS |= {"CLOCK_TIMESTAMP", "TIMEZONE", "CONCAT", "ROUND", "ABS", "TO_TSVECTOR"}


def residue_of(rendered: Iterable[Rendered]) -> Residue:
    """What the statements of a stage may leave behind, taken together."""
    return max((residue(s.sql) for r in rendered for s in r.statements), default=Residue.NOTHING)


@lru_cache(maxsize=512)
def residue(sql: str) -> Residue:
    """What may be left of ``sql`` in the session that ran it.

    Whatever is not known to leave nothing counts as leaving something: a trigger or a function can
    make temporary tables and change settings, and no text tells.
    """
    if is_deep(sql):
        return Residue.CONNECTION
    statement: list[Token] = []
    for token in [*tokens(sql), Token("sign", ";", len(sql))]:
        if token.text != ";":
            statement.append(token)
            continue
        if statement and not _is_plain(statement):
            return Residue.SESSION
        statement = []
    return Residue.NOTHING


def carries_over(stages: Iterable[Stage]) -> bool:
    """True when a stage but the last may leave something that the next one finds."""
    *earlier, _ = [[c.rendered for c in s.steps] for s in stages]
    return any(None in stage or residue_of(filter(None, stage)) for stage in earlier)


def is_deep(sql: str) -> bool:
    """True where ``sql`` changes what ``DISCARD ALL`` does not put back."""
    return _DEEP.search(sql) is not None


def _is_plain(statement: list[Token]) -> bool:
    if statement[0].upper not in _PLAIN:
        return False
    if any(t.text.strip('"').upper() in _TEMPORARY for t in statement if t.is_name):
        return False
    return not any(
        following.text == "(" and _may_be_call(statement, at)
        for at, following in enumerate(statement[1:])
    )


def _may_be_call(statement: list[Token], at: int) -> bool:
    """True where the name before a parenthesis may be that of a function."""
    token = statement[at]
    if not token.is_name or token.upper in _HARMLESS:
        return False
    while at > 1 and statement[at - 1].text == ".":
        at -= 2
    return at == 0 or statement[at - 1].upper not in _NAME_FOLLOWS
