"""Revisions that make what all tenants share: their transactions wait for each other."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Move

WAIT = "SELECT pg_advisory_xact_lock(7521962436018257293)"
"""Holds until the transaction ends, so a pooler may be in between; the number is any."""
_KINDS = (
    r"(?:type|domain|function|procedure|aggregate|operator|cast|collation|sequence|table|view"
    r"|materialized\s+view|trigger|extension)"
)
_WITHIN = r"(?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*"
"""Arguments of a call, with calls within them, three deep."""


def contested(moves: Iterable[Move], history: History, shared: tuple[str, ...]) -> bool:
    """True when one of the moves makes, alters or drops something outside of the tenant's schema.

    Two transactions that do so at once fail in the database: ``tuple concurrently updated``, or a
    duplicate key in a catalogue, which ``IF NOT EXISTS`` and ``OR REPLACE`` do not prevent.

    Args:
        shared: schemas that every tenant sees.
    """
    pattern = _pattern(shared)
    return any(
        revision in history.known and pattern.search(history.source(revision))
        for revision in {m.revision for m in moves}
    )


def _pattern(shared: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(name.lower()) for name in shared) or r"(?!)"
    return re.compile(
        r"\bextension\s+(?:if\s+(?:not\s+)?exists\s+)?\\?[\"']?\w"
        rf"|\b(?:create|replace|alter|drop)\s+{_KINDS}\s+(?:if\s+(?:not\s+)?exists\s+)?"
        rf"\\?\"?(?:{names})\\?\"?\s*\."
        rf"|\b(?:enum|op\.\w+)\s*\({_WITHIN}\bschema\s*=\s*[\"'](?:{names})[\"']"
    )
