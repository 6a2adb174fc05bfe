"""Judges whether a history makes the same for every tenant, whenever it is run.

Its statements are the same for all (the engine has found that out); what a server makes of them
may still be of the moment: ``now()``, ``gen_random_uuid()``, rows read from elsewhere. Whatever is
not known to be harmless is not: such a history is replayed for each tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from fastapi_tenancy.engine.control import statements_of
from fastapi_tenancy.engine.excerpts import excerpt
from fastapi_tenancy.engine.lexer import Token, tokens
from fastapi_tenancy.provision.baselines.blocks import opened, within
from fastapi_tenancy.provision.baselines.likeness import unlike
from fastapi_tenancy.provision.baselines.values import moment_in, table_at

_OBJECTS = {
    *("TABLE", "INDEX", "TYPE", "DOMAIN", "SEQUENCE", "VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE"),
    *("TRIGGER", "POLICY", "RULE", "STATISTICS", "COLLATION"),
}
_BETWEEN = {
    *("OR", "REPLACE", "UNIQUE", "MATERIALIZED", "RECURSIVE", "UNLOGGED", "CONSTRAINT"),
}
_ON_WHAT = {"COLUMN", "CONSTRAINT"}
_ROWS = {"INSERT", "UPDATE", "DELETE"}
_HARMLESS = {"ANALYZE", "REINDEX", "LOCK"}
_SETTINGS = ("_timeout", "maintenance_work_mem", "client_min_messages", "check_function_bodies")
_NAMED_AFTER = {"TABLE", "EXISTS", "ONLY", "INTO", "CONCURRENTLY", "UPDATE", *_OBJECTS}
_ON_TABLE = {"INDEX", "TRIGGER", "POLICY", "RULE", "COMMENT"}
_ELSEWHERE = {"SCHEMA", "DATABASE", "FOREIGN", "LANGUAGE", "LARGE", "PARAMETER", "TABLESPACE"}
_CONDITIONS = {"IF", "NOT", "EXISTS", "ONLY"}
_SHOWN = 80

Words = list[Token]


def why_not(scripts: Sequence[str], filled: Collection[str]) -> str:
    """Why what these statements make cannot be copied for another tenant; empty where it can.

    Args:
        filled: the tables that have rows at the end, apart from the version table.
    """
    statements = [words for script in scripts for words in statements_of(list(tokens(script)))]
    made = set(_made(statements))
    watched = _once_called(statements, set(filled))
    for words in statements:
        try:
            reason = _outside(words, made) or (filled and _of_the_moment(words, watched, made))
        except IndexError:
            reason = "is not whole"
        if reason:
            text = " ".join(token.text for token in words)
            return f"{reason}: {excerpt(text, _SHOWN)}"
    return ""


def gives_rights(scripts: Sequence[str]) -> bool:
    """True where a statement, or one within DO, gives or takes rights."""
    return any(words[0].upper in ("GRANT", "REVOKE") for words in opened(scripts))


def _outside(words: Words, made: set[str]) -> str:
    """Why a statement may do something outside of what is copied."""
    first, second = words[0].upper, words[1].upper if len(words) > 1 else ""
    if first in ("CREATE", "ALTER", "DROP"):
        kind = next((w.upper for w in words[1:] if w.upper not in _BETWEEN), "")
        if kind not in _OBJECTS or "OWNER" in (w.upper for w in words):
            return "makes more than tables and what belongs to them"
        if reason := _elsewhere(words, made):
            return reason
    elif first == "COMMENT":
        if words[2].upper not in _OBJECTS | _ON_WHAT | {"MATERIALIZED"}:
            return "makes more than tables and what belongs to them"
    elif first in ("GRANT", "REVOKE"):
        return _granted(words)
    elif first in _ROWS:
        return _rows(words, made)
    elif first == "SET":
        name = words[2 if second in ("LOCAL", "SESSION") else 1].stored
        return "" if name.endswith(_SETTINGS) else "changes a setting"
    elif first == "DO":
        return next(filter(None, (_outside(inner, made) for inner in within(words))), "")
    elif first not in _HARMLESS and (first, second) != ("REFRESH", "MATERIALIZED"):
        return "is of a kind that is not known to be harmless"
    return "names another schema" if any(_qualified(words)) else ""


def _elsewhere(words: Words, made: set[str]) -> str:
    """Why what is made depends on what others have at that moment, or goes to them."""
    names = [word.upper for word in words]
    if ("SET", "SCHEMA") in pairwise(names):
        return "moves something to another schema"
    return unlike(words, made) if _table(words) else ""


def _granted(words: Words) -> str:
    names = [word.upper for word in words]
    if "ON" not in names or names[names.index("ON") + 1] in _ELSEWHERE:
        return "grants more than rights to tables and what belongs to them"
    if ("IN", "SCHEMA") in pairwise(names):
        return "names another schema"
    at = names.index("ON") + 1
    dotted = any(word.text == "." for word in words[at:])
    return "names another schema" if dotted else ""


def _rows(words: Words, made: set[str]) -> str:
    at = table_at(words)
    dotted = words[at + 1 : at + 2] and words[at + 1].text == "."
    if dotted or words[at].stored not in made:
        return "writes rows outside of the tables that are made here"
    return ""


def _qualified(words: Words) -> Iterator[str]:
    """Names of what a statement changes that say which schema it is in."""
    # The first ON of these names a table; that of a view's query joins.
    once = not _ON_TABLE & {word.upper for word in words[:4]}
    for before, name, dot in zip(words, words[1:], words[2:], strict=False):
        on = before.upper == "ON" and not once
        once |= on
        if dot.text == "." and name.is_name and (on or before.upper in _NAMED_AFTER):
            yield name.stored


def _made(statements: Sequence[Words]) -> Iterator[str]:
    """The names of tables and sequences that are made, and of tables renamed to."""
    for words in statements:
        if words[0].upper == "CREATE" and (table := _table(words) or _table(words, "SEQUENCE")):
            yield table
        for _, new in _renamed(words):
            yield new


def _table(words: Words, kind: str = "TABLE") -> str:
    """The table that is made or altered; empty where none is."""
    names = [word.upper for word in words]
    if names[0] not in ("CREATE", "ALTER") or kind not in names[:3]:
        return ""
    behind = words[names.index(kind) + 1 :]
    return next((w.stored for w in behind if w.upper not in _CONDITIONS), "")


def _renamed(words: Words) -> Iterator[tuple[str, str]]:
    """The old and the new name of a table."""
    names = [word.upper for word in words]
    if names[:2] == ["ALTER", "TABLE"] and "RENAME" in names[:7]:
        at = names.index("RENAME")
        if names[at + 1] == "TO":
            yield words[at - 1].stored, words[at + 2].stored


def _once_called(statements: Sequence[Words], filled: set[str]) -> set[str]:
    """The tables with rows, under all the names they have had."""
    renamed = [pair for words in statements for pair in _renamed(words)]
    for old, new in reversed(renamed):
        if new in filled:
            filled.add(old)
    return filled


def _of_the_moment(words: Words, watched: set[str], made: set[str]) -> str:
    """Why a statement may give another tenant other rows."""
    first = words[0].upper
    if first == "DO":
        return "may write rows of any kind"
    if first == "CREATE" and {"TRIGGER", "RULE"} & {word.upper for word in words[:4]}:
        return "may write more rows"
    typed = first in ("CREATE", "ALTER") and words[1].upper == "DOMAIN"  # of any column
    judged = first in _ROWS or typed or _table(words) in watched
    return moment_in(words, made) if judged else ""
