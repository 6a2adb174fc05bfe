"""What a text of SQL would end or leave behind, told by the words that its statements begin with.

This runs for every statement of a session: only a text with a semicolon is looked at beyond its
first words, and only if one of the words in question occurs in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_tenancy.engine.lexer import tokens

_GAP = re.compile(r"(?:\s|;|--[^\n\r]*)*")
_EDGE = re.compile(r"/\*|\*/")
_FIRST = re.compile(r"\s*(\w+)")
_WORD = re.compile(r"\w+")

_ENDS = frozenset(("ABORT", "COMMIT", "END"))
_MAY_END = _ENDS | {"PREPARE", "ROLLBACK"}
_SETS = frozenset(("CALL", "DO", "EXECUTE", "RESET"))
_MAY_SET = _SETS | {"SET"}
_PASSING = frozenset(("LOCAL", "TRANSACTION", "CONSTRAINTS"))
"""What SET makes only for a transaction."""


def ends_transaction(sql: str) -> str:
    """The words by which a text ends its transaction; empty if none does.

    ``ROLLBACK TO`` a savepoint is fine. A function, a procedure or ``DO`` cannot end it:
    PostgreSQL refuses that in a transaction that BEGIN has opened.
    """
    for words in _openings(sql, _MAY_END):
        if found := _ending(words):
            return found
    return ""


def may_set(sql: str) -> bool:
    """Whether a text may change settings for longer than its transaction.

    What functions set, without ``set_config`` in the text that calls them, is not seen.
    """
    if "set_config" in sql.lower():
        return True
    return any(_setting(words) for words in _openings(sql, _MAY_SET))


def _ending(words: tuple[str, str, str]) -> str:
    first, second, third = words
    if first == "ROLLBACK":
        to = third if second in ("WORK", "TRANSACTION") else second
        ends = to != "TO"
    else:
        ends = first in _ENDS or (first, second) == ("PREPARE", "TRANSACTION")
    return f"{first} {second}".strip() if ends else ""


def _setting(words: tuple[str, str, str]) -> bool:
    return words[0] in _SETS or (words[0] == "SET" and words[1] not in _PASSING)


def _openings(sql: str, asked: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """The first three words of statements that begin with a word that is asked for.

    In capitals; empty where there are fewer.
    """
    first = _FIRST.match(sql)
    if first is None or first.group(1).upper() in asked:
        yield _words(sql, 0)
    if ";" not in sql:
        return
    capitals = sql.upper()
    if not any(word in capitals for word in asked):
        return
    depth, before = 0, ""
    for token in tokens(sql):
        word = token.upper
        if word == "ATOMIC" and before == "BEGIN":  # the body of a function, up to its END
            depth = 1
        elif depth:
            depth += (word == "CASE") - (word == "END")
        elif token.text == ";":
            yield _words(sql, token.start)
        before = word


def _words(sql: str, at: int) -> tuple[str, str, str]:
    found: list[str] = []
    while len(found) < 3 and (match := _WORD.match(sql, _skipped(sql, at))):
        found.append(match.group().upper())
        at = match.end()
        if sql.startswith(";", at):
            break
    first, second, third = (*found, "", "", "")[:3]
    return first, second, third


def _skipped(sql: str, at: int) -> int:
    """Where the next word begins, behind blanks and comments, which PostgreSQL nests."""
    while True:
        gap = _GAP.match(sql, at)
        at = gap.end() if gap else at
        if not sql.startswith("/*", at):
            return at
        depth = 0
        for edge in _EDGE.finditer(sql, at):
            depth += 1 if edge.group() == "/*" else -1
            if not depth:
                at = edge.end()
                break
        else:
            return len(sql)
