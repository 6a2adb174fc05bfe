"""Values as people read them."""

from __future__ import annotations

from collections.abc import Mapping


def tenants_in_words(count: int) -> str:
    """``1 tenant``, ``2 tenants``."""
    return "1 tenant" if count == 1 else f"{count:,} tenants"


def tags_in_words(tags: Mapping[str, str]) -> str:
    """``tier=gold, region=eu``."""
    return ", ".join(f"{key}={value}" for key, value in tags.items())
