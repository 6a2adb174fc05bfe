"""Looks into DO: what is said in it is judged as if it were said without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi_tenancy.engine.control import statements_of
from fastapi_tenancy.engine.lexer import Token, tokens

_EDGES = {"BEGIN", "EXCEPTION", "END", "NULL"}


def opened(scripts: Sequence[str]) -> Iterator[list[Token]]:
    """The statements of all scripts, those of blocks in the place of the blocks."""
    for script in scripts:
        for words in statements_of(tokens(script)):
            yield from within(words) if words[0].upper == "DO" else [words]


def within(words: list[Token]) -> list[list[Token]]:
    """The statements of a block; one that cannot be looked into is a statement itself.

    Loops, conditions, variables and EXECUTE are left as they are: statements of no known kind.
    """
    if len(words) != 2 or words[1].kind != "dollar":
        return [words[1:]] if words[1:] else []
    body = words[1].text
    mark = body.index("$", 1) + 1
    found = (_stripped(part) for part in statements_of(tokens(body[mark:-mark])))
    return [part for part in found if part]


def _stripped(words: list[Token]) -> list[Token]:
    """Without the edges of a block, and the names of errors that it takes for success."""
    rest = list(words)
    while rest and (rest[0].upper in _EDGES or rest[0].upper == "WHEN"):
        names = [word.upper for word in rest]
        if names[0] != "WHEN":
            del rest[0]
        elif "THEN" in names:
            del rest[: names.index("THEN") + 1]
        else:
            break
    return rest
