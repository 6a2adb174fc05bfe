"""Timeouts as PostgreSQL takes them: whole milliseconds, 0 for none."""

from __future__ import annotations

import math

LONGEST_S = 2_147_483
"""Seconds: PostgreSQL keeps milliseconds in 32 bits."""


def usable(seconds: float) -> bool:
    """Whether PostgreSQL can be given this timeout."""
    return 0 <= seconds <= LONGEST_S


def milliseconds(seconds: float) -> int:
    """Rounded up: a timeout that became 0 would be none at all."""
    return max(1, math.ceil(round(seconds * 1000, 6))) if seconds else 0
