"""Cuts PostgreSQL statements into tokens; enough to classify them, not to understand them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$.*?\$(?P=tag)\$)
    | (?P<string>[eE]'(?:[^'\\]|\\.|'')*'|(?:[uU]&|[bBxXnN])?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<cast>::)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement: its kind, its text as written and where it starts."""

    kind: str
    text: str
    start: int

    @property
    def upper(self) -> str:
        """The text of a bare word in capitals; empty for anything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """True for a bare or quoted identifier."""
        return self.kind in ("word", "quoted")

    @property
    def stored(self) -> str:
        """The name as PostgreSQL stores it."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text.lower()


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of ``sql`` in order, white space and comments left out."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "sign"
        if kind == "tag":
            kind = "dollar"
        if kind != "space":
            yield Token(kind, match.group(), match.start())
