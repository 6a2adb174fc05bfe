"""Finds the statements with which a revision begins or ends transactions by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from fastapi_tenancy.engine.lexer import Token, tokens


class Control(StrEnum):
    """What a statement does to the transaction it is sent in."""

    BEGIN = "BEGIN"
    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"
    PREPARE = "PREPARE TRANSACTION"
    SAVEPOINT = "SAVEPOINT"
    BACK = "ROLLBACK TO SAVEPOINT"
    RELEASE = "RELEASE SAVEPOINT"
    RESET = "RESET"
    """Takes back the settings that aim it at a tenant."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement, what it does to its transaction, and the savepoint it names."""

    sql: str
    control: Control | None = None
    name: str = ""


_HINT = re.compile(
    r"\b(?:COMMIT|END|ROLLBACK|ABORT|BEGIN|START|PREPARE|SAVEPOINT|RELEASE|RESET)\b", re.IGNORECASE
)
_ONE_WORD: dict[str, Control] = {
    "BEGIN": Control.BEGIN,
    "COMMIT": Control.COMMIT,
    "END": Control.COMMIT,
    "ROLLBACK": Control.ROLLBACK,
    "ABORT": Control.ROLLBACK,
    "SAVEPOINT": Control.SAVEPOINT,
    "RELEASE": Control.RELEASE,
}
_TWO_WORDS: dict[tuple[str, ...], Control | None] = {
    ("START", "TRANSACTION"): Control.BEGIN,
    ("PREPARE", "TRANSACTION"): Control.PREPARE,
    ("COMMIT", "PREPARED"): None,
    ("ROLLBACK", "PREPARED"): None,
    ("RESET", "ALL"): Control.RESET,
    ("RESET", "SEARCH_PATH"): Control.RESET,
}


@lru_cache(maxsize=512)
def pieces(sql: str) -> tuple[Piece, ...]:
    """The statements of ``sql`` one by one if any of them controls a transaction, else all as one.

    A server that is sent several at once would go on behind a COMMIT in a transaction that nobody
    has aimed at a tenant.
    """
    if not _HINT.search(sql):
        return (Piece(sql),)
    found = [_piece(sql, statement) for statement in statements_of(tokens(sql))]
    return tuple(found) if any(p.control for p in found) else (Piece(sql),)


def control(sql: str) -> Control | None:
    """The first thing that ``sql`` does to its transaction, or None."""
    return next((p.control for p in pieces(sql) if p.control), None)


def statements_of(words: Iterable[Token]) -> list[list[Token]]:
    """The tokens of each statement; a routine or parentheses end none."""
    found: list[list[Token]] = [[]]
    depth = body = 0
    for token in words:
        statement = found[-1]
        if token.text in "()":
            depth += 1 if token.text == "(" else -1
        elif body:
            body += {"CASE": 1, "END": -1}.get(token.upper, 0)
        elif token.upper == "ATOMIC" and statement and statement[-1].upper == "BEGIN":
            body = 1
        elif token.upper == "BEGIN" and "TRIGGER" in [t.upper for t in statement[:3]]:
            body = 1  # SQLite's triggers hold their statements
        elif token.text == ";" and depth <= 0:
            found.append([])
            continue
        statement.append(token)
    return [statement for statement in found if statement]


def _piece(sql: str, statement: list[Token]) -> Piece:
    end = statement[-1].start + len(statement[-1].text)
    words = tuple(t.upper for t in statement)
    kind = _TWO_WORDS.get(words[:2], _ONE_WORD.get(words[0]))
    if kind is Control.ROLLBACK and "TO" in words:
        kind = Control.BACK
    named = kind in (Control.SAVEPOINT, Control.BACK, Control.RELEASE)
    return Piece(sql[statement[0].start : end], kind, statement[-1].stored if named else "")
