"""What the migrations make at a position: built in a scratch place, read, and removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_tenancy.drift.grouping import Expected, Place
from fastapi_tenancy.drift.place import Way, read_alone
from fastapi_tenancy.drift.values import Baseline, Kind
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.reference.building import (
    NoReferenceError,
    WasInterruptedError,
    reference,
)
from fastapi_tenancy.migrations.reference.scratch import ScratchError
from fastapi_tenancy.model.event import Listener
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

MOST_BUILT = 5
"""Positions of a track that are built: each costs what a new tenant costs."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds what the migrations of one fleet make.

    ``of_tenants`` is False for a track whose places belong to no tenant.
    """

    fleet: Fleet
    history: History
    of_tenants: bool
    extra: tuple[str, ...]
    listener: Listener
    stop: Stop

    def build(self, heads: tuple[str, ...], sample: Target, way: Way) -> Expected:
        """The structure at a position, in a place like ``sample``; or why there is none.

        Raises:
            WasInterruptedError: ``stop`` was asked for.
        """
        unknown = sorted(set(heads) - self.history.known)
        if unknown:
            told = f"the scripts do not know {', '.join(unknown)}"
            return Expected(Baseline.UNKNOWN, reason=told)
        like, beside = (None, sample) if self.of_tenants else (sample, None)
        try:
            with reference(
                self.fleet,
                self.history,
                like,
                beside=beside,
                heads=heads,
                extra=self.extra,
                listener=self.listener,
                stop=self.stop,
            ) as made:
                look = read_alone(made.target, way)
        except WasInterruptedError:
            raise
        except TenancyError as error:
            return Expected(Baseline.UNKNOWN, reason=_said(error))
        if look.structure is None:
            return Expected(Baseline.UNKNOWN, reason=look.problem)
        return Expected(Baseline.MIGRATIONS, look.structure)

    def build_all(
        self, places: Mapping[Place, Target], ways: Mapping[Kind, Way]
    ) -> dict[Place, Expected]:
        """What is expected at each position, of which the first few are built.

        Args:
            places: a target of each, those of most tenants first.

        Raises:
            WasInterruptedError: ``stop`` was asked for.
        """
        expected = {}
        for number, (place, sample) in enumerate(places.items()):
            kind, heads = place
            if number < MOST_BUILT or not self.history.known.issuperset(heads):
                expected[place] = self.build(heads, sample, ways[kind])
            else:
                told = f"no more than {MOST_BUILT} positions are built"
                expected[place] = Expected(Baseline.EACH_OTHER, reason=told)
        return expected


def _said(error: TenancyError) -> str:
    """The error in one line, without the advice that is for those who compare models."""
    found = error.found if isinstance(error, ScratchError | NoReferenceError) else str(error)
    return " ".join(masked(found).split())
