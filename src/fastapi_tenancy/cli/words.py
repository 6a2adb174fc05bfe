"""Values as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fastapi_tenancy.model.track import Scope

_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys, and those that turn the direction of writing."""


def visible(text: str, *, lines: bool = True) -> str:
    """Text that a terminal shows as it is: what it would obey is written as an escape.

    Args:
        lines: the text may have several, and tabs.
    """
    kept = "\n\t" if lines else ""
    return _OBEYED.sub(lambda m: m[0] if m[0] in kept else ascii(m[0])[1:-1], text)


def tenants_in_words(count: int) -> str:
    """``1 tenant``, ``2 tenants``."""
    return in_words(count, "tenant")


def targets_in_words(count: int, scope: Scope) -> str:
    """``2 tenants``, or ``2 targets`` where nobody lives there alone."""
    return in_words(count, "tenant" if scope is Scope.TENANT else "target")


def tables_in_words(count: int) -> str:
    """``1 table``, ``2 tables``."""
    return in_words(count, "table")


def in_words(count: int, what: str) -> str:
    """``1 finding``, ``2,000 findings``: whatever has a plural with an s."""
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def tags_in_words(tags: Mapping[str, str]) -> str:
    """``tier=gold, region=eu``."""
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def names_in_words(names: Sequence[str], most: int = 10) -> str:
    """``acme, bolt``, and how many more there are than ``most``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
