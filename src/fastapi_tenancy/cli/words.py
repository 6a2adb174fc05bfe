"""Values as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def tenants_in_words(count: int) -> str:
    """``1 tenant``, ``2 tenants``."""
    return "1 tenant" if count == 1 else f"{count:,} tenants"


def tags_in_words(tags: Mapping[str, str]) -> str:
    """``tier=gold, region=eu``."""
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def names_in_words(names: Sequence[str], most: int = 10) -> str:
    """``acme, bolt``, and how many more there are than ``most``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
