"""Tells of revisions that create extensions: those are the database's, not a tenant's."""

from __future__ import annotations

import re

from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Move

_CREATED = re.compile(
    r"create\s+extension\s+(?:if\s+not\s+exists\s+)?\\?[\"']?([\w-]+)(?P<rest>[^;]*)"
)
_PLACED = re.compile(r"[\"'\s]+(?:with\s+)?schema\s+\S")


def told_of_extension(move: Move, history: History) -> str | None:
    """What to know of the extension that an upgrade creates without naming a schema, or None.

    A database has each extension once. ``CREATE EXTENSION IF NOT EXISTS`` puts it into the
    first schema of the search path: that of whichever tenant came first.
    """
    if not move.upgrade:
        return None
    for found in _CREATED.finditer(history.source(move.revision)):
        if not _PLACED.match(found["rest"]):
            return (
                f"revision {move.revision} creates the extension {found[1]}, of which a database"
                " has one only: it lands in the schema of the first tenant, and the others do not"
                " see its types and operators. Write CREATE EXTENSION ... SCHEMA public, or"
                " create it once for the database before the run"
            )
    return None
