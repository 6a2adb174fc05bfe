"""What a benchmark found: a figure per round, the goal it is held against, and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison, measured once in each round.

    ``parts`` holds what the figures were made of, by contender, in the unit its name ends in.
    """

    benchmark: str
    ours: str
    against: str
    rounds: Sequence[float]
    unit: str
    goal: float
    at_least: bool
    parts: Mapping[str, Sequence[float]]

    @property
    def middle(self) -> float:
        """The median over the rounds."""
        return median(self.rounds)

    @property
    def reached(self) -> bool:
        """True when the median is on the right side of the goal."""
        return self.middle >= self.goal if self.at_least else self.middle < self.goal

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON can hold it."""
        return {
            "benchmark": self.benchmark,
            "ours": self.ours,
            "against": self.against,
            "unit": self.unit,
            "goal": self.goal,
            "goal_is": "at least" if self.at_least else "less than",
            "reached": self.reached,
            "median": round(self.middle, 3),
            "lowest": round(min(self.rounds), 3),
            "highest": round(max(self.rounds), 3),
            "rounds": [round(r, 3) for r in self.rounds],
            "parts": {name: [round(v, 4) for v in part] for name, part in self.parts.items()},
        }


def times_faster(
    benchmark: str,
    ours: str,
    against: str,
    mine: Sequence[float],
    theirs: Sequence[float],
    *,
    goal: float,
) -> Finding:
    """Compare two contenders by their milliseconds per tenant, round by round."""
    return Finding(
        benchmark,
        ours,
        against,
        [b / a for a, b in zip(mine, theirs, strict=True)],
        "x",
        goal,
        True,
        {f"{ours}, ms": mine, f"{against}, ms": theirs},
    )
