"""Plain Alembic beside the engine: how long it takes for a sample, and whether both agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from fastapi_tenancy.cli.demo.cast import STARTS, Cast, Player
from fastapi_tenancy.cli.demo.stage import schema_of
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.positions import read_positions
from fastapi_tenancy.observe.structure import read_fingerprints


@dataclass(frozen=True, slots=True)
class Estimate:
    """What plain Alembic takes for the tenants of one starting point, in seconds."""

    start: str
    each_s: float
    tenants: int

    @property
    def all_s(self) -> float:
        """For all tenants of the fleet that start there."""
        return self.each_s * self.tenants


def estimate(
    cast: Cast, report: Report, sample: Sequence[Player], seconds: Sequence[float]
) -> tuple[Estimate, ...]:
    """Extrapolate the sample to the tenants that ``report`` says the engine has migrated."""
    done = {o.target.schema for o in report.outcomes if o.success}
    counts = Counter(p.start for p in cast.players if schema_of(p) in done)
    taken: dict[str, list[float]] = {}
    for player, second in zip(sample, seconds, strict=True):
        taken.setdefault(player.start, []).append(second)
    return tuple(Estimate(s, fmean(taken[s]), counts[s]) for s in STARTS)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The states the tenants of each kind are in: by engine, and by plain Alembic.

    A state is a structure fingerprint with the version rows.
    """

    kind: str
    by_engine: Counter[str]
    by_alembic: Counter[str]

    @property
    def holds(self) -> bool:
        """True when all are in one and the same state."""
        return len(self.by_engine) == 1 and self.by_engine.keys() == self.by_alembic.keys()


def compare(address: str, cast: Cast, sample: Sequence[Player]) -> tuple[Agreement, ...]:
    """Read back every tenant of the fleet and of the sample; gold ones apart from the others."""
    states = _states(address, [schema_of(p) for p in (*cast.players, *sample)])

    def counted(players: Iterable[Player], gold: bool) -> Counter[str]:
        return Counter(states[schema_of(p)] for p in players if p.gold is gold)

    return tuple(
        Agreement(kind, counted(cast.players, gold), counted(sample, gold))
        for kind, gold in (("gold tenants", True), ("all others", False))
    )


def _states(address: str, schemas: Sequence[str]) -> dict[str, str]:
    with connect(address, timeout_s=10) as connection:
        positions = read_positions(connection, schemas, "alembic_version")
        heads = {s: p.heads for s, p in zip(schemas, positions, strict=True)}
        found = read_fingerprints(connection, schemas)
    return {s: f"{','.join(heads[s])} {found.get(s, 'missing')}" for s in schemas}
