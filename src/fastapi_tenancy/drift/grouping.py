"""Groups targets into variants as they are read; keeps a fingerprint of each, no structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi_tenancy.drift.changes import changes_between
from fastapi_tenancy.drift.values import Baseline, Change, Group, Kind, Variant
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.structure import Structure, fingerprint

KEPT = 100
"""Structures kept of a position whose own is not known: memory does not grow with the fleet."""

Place = tuple[Kind, tuple[str, ...]]
"""What is compared with each other: the kind of place, and the position."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the targets at a position should be; ``structure`` is None where nobody knows."""

    baseline: Baseline
    structure: Structure | None = None
    reason: str = ""


@dataclass(slots=True)
class _Like:
    """Targets of one fingerprint, and what they differ in from what is expected.

    ``structure`` is that of the first, kept only until it is known what is expected.
    """

    example: str
    structure: Structure | None
    changes: tuple[Change, ...] = ()
    tenants: list[str] = field(default_factory=list)

    def rank(self) -> tuple[int, str]:
        """The largest first, whatever order they were read in."""
        return -len(self.tenants), min(self.tenants)


class Grouping:
    """Takes structures one by one."""

    def __init__(self, expected: Mapping[Place, Expected]) -> None:
        self._expected = expected
        self._marks = {
            place: fingerprint(e.structure)
            for place, e in expected.items()
            if e.structure is not None
        }
        self._identical = dict.fromkeys(expected, 0)
        self._variants: dict[Place, dict[str, _Like]] = {place: {} for place in expected}

    def take(self, place: Place, target: Target, structure: Structure) -> None:
        """Count the tenants of a target where they belong."""
        mark = fingerprint(structure)
        if mark == self._marks.get(place):
            self._identical[place] += len(target.tenants)
            return
        likes = self._variants[place]
        if mark not in likes:
            likes[mark] = self._first(place, target, structure)
        likes[mark].tenants += [tenant.identifier for tenant in target.tenants]

    def _first(self, place: Place, target: Target, structure: Structure) -> _Like:
        expected = self._expected[place].structure
        if expected is None:
            kept = len(self._variants[place]) < KEPT
            return _Like(target.name, structure if kept else None)
        return _Like(target.name, None, changes_between(expected, structure))

    def groups(self) -> tuple[Group, ...]:
        """What was found; the largest groups first, and in each the largest variants."""
        made = [self._group(place) for place in self._expected]
        return tuple(sorted(made, key=lambda g: (-g.identical - g.drifted, g.heads)))

    def _group(self, place: Place) -> Group:
        kind, heads = place
        expected, identical = self._expected[place], self._identical[place]
        likes = sorted(self._variants[place].items(), key=lambda one: one[1].rank())
        if expected.structure is None and likes:
            _, most = likes.pop(0)
            identical = len(most.tenants)
            for _, like in likes:
                if most.structure is not None and like.structure is not None:
                    like.changes = changes_between(most.structure, like.structure)
        return Group(
            heads=heads,
            kind=kind,
            baseline=expected.baseline,
            identical=identical,
            variants=tuple(_variant(mark, like) for mark, like in likes),
            reason=expected.reason,
        )


def _variant(mark: str, like: _Like) -> Variant:
    return Variant(
        fingerprint=mark,
        tenants=tuple(sorted(like.tenants)),
        example=like.example,
        changes=like.changes,
    )
