"""Finds tables and views that take their columns from what others have at that moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, pairwise

from fastapi_tenancy.engine.lexer import Token
from fastapi_tenancy.provision.baselines.blocks import opened

_QUERIES = {"VIEW", "FUNCTION", "PROCEDURE", "RULE"}
_BEFORE = {"SELECT", "DISTINCT", "ALL", ",", ".", ")"}
"""What stands before a ``*`` that does not multiply."""


def unlike(words: list[Token], made: Collection[str]) -> str:
    """Why the columns of a table may be others at another time; empty where they stay."""
    if words[0].upper == "CREATE" and _of_a_query(words):
        return "makes a table of a query"
    for at in _named(words):
        if words[at].stored not in made or any(w.text == "." for w in words[at + 1 : at + 2]):
            return "takes after a table that is not made here"
    return ""


def opens_stars(scripts: Sequence[str]) -> bool:
    """True where a view or a routine says ``*``: the columns of that moment, once for all."""
    queries = (s for s in opened(scripts) if _QUERIES & {word.upper for word in s[:5]})
    for first, second in chain.from_iterable(map(pairwise, queries)):
        said = first.upper or first.text
        if second.upper in ("TABLE", "NATURAL") or (second.text == "*" and said in _BEFORE):
            return True
    return False


def _of_a_query(words: list[Token]) -> bool:
    """``AS`` outside of all parentheses."""
    depth = 0
    for word in words:
        depth += (word.text == "(") - (word.text == ")")
        if depth == 0 and word.upper == "AS":
            return True
    return False


def _named(words: list[Token]) -> Iterator[int]:
    """Where tables are named that this one takes after."""
    names = [word.upper or word.text for word in words]
    for at, (before, name) in enumerate(pairwise(names), 1):
        like = name == "LIKE" and before in ("(", ",")
        inherits = name in ("INHERIT", "OF") and before not in ("NO", "INSTEAD")
        if (like or inherits) and at + 1 < len(words) and words[at + 1].is_name:
            yield at + 1
        elif name == "INHERITS":
            end = names.index(")", at)
            yield from (n for n in range(at + 2, end) if names[n - 1] in ("(", ","))
