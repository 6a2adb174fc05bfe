"""Where in somebody's query PostgreSQL found an error, when it was sent inside of another."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

EXCERPT = 100
"""Characters of a line shown in an error."""


def located(error: DBAPIError, statement: str, query: str) -> str | None:
    """The server's message with the place in ``query``, which is a part of ``statement``.

    None where the server names no place: then its message shows nothing of ours.
    """
    diag = getattr(error.orig, "diag", None)
    position = getattr(diag, "statement_position", None)
    if diag is None or position is None:
        return None
    parts = (diag.message_primary, diag.message_detail, diag.message_hint)
    told = ". ".join(part.rstrip(".") for part in parts if part)
    return f"{told} ({_place(int(position) - 1 - statement.index(query), query)})"


def _place(at: int, query: str) -> str:
    if at < 0 or at >= len(query):
        return "tenants_query, at its end"  # what comes next is ours
    before, here = query[:at], query[at:]
    column = at - (before.rfind("\n") + 1)
    line = before[at - column :] + here.partition("\n")[0]
    shown = line[max(0, column - EXCERPT // 2) :][:EXCERPT].strip()
    return f"tenants_query, line {before.count(chr(10)) + 1}, column {column + 1}: {shown}"
