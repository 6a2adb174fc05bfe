"""What `tenancy doctor` found out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_EXAMPLES = 3


class Weight(StrEnum):
    """What a finding asks of a person."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    ACTION = "action"
    """Something fails, or will fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    check: str
    weight: Weight
    found: str
    do: str = ""


def fine(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Weight.FINE, found)


def note(check: str, found: str, do: str = "") -> Finding:
    """Worth knowing."""
    return Finding(check, Weight.NOTE, found, do)


def action(check: str, found: str, do: str = "") -> Finding:
    """Something has to be done."""
    return Finding(check, Weight.ACTION, found, do)


class Named:
    """Counts what several tenants have in common, and keeps a few names."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        if len(self._names) < _EXAMPLES:
            self._names.append(name)

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        return shortened(self._names, self.count)


def shortened(names: Iterable[str], count: int) -> str:
    """``acme, bolt, crux and 97 more``."""
    shown = list(names)[:_EXAMPLES]
    rest = count - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")
