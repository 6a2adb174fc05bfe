"""How much is measured: the whole, or a quick look that shows only whether it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of tenants, of rounds, of sessions and of seconds.

    ``sample`` is enough to time plain Alembic.
    """

    rounds: int
    additive: int
    live: int
    noop: int
    sample: int
    env: int
    databases: int
    files: int
    few: int
    many: int
    sessions: int
    seconds: float


WHOLE = Size(
    rounds=9,
    additive=1000,
    live=300,
    noop=5000,
    sample=60,
    env=200,
    databases=200,
    files=500,
    few=1000,
    many=20000,
    sessions=500,
    seconds=4,
)
QUICK = Size(
    rounds=2,
    additive=200,
    live=60,
    noop=500,
    sample=15,
    env=40,
    databases=12,
    files=60,
    few=200,
    many=1000,
    sessions=60,
    seconds=0.5,
)
