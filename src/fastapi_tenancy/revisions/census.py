"""Counts the fleet: how many tenants stand where the application needs them, read in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.positions import read_fleet
from fastapi_tenancy.revisions.judge import Judge, Judgement, Verdict, worst
from fastapi_tenancy.revisions.looking import Looker

AT_ONCE = 4
"""Databases of one tenant each that are opened at a time."""


@dataclass(frozen=True, slots=True)
class FleetShare:
    """How many tenants stand where; nobody is named.

    ``there`` are at a revision that the application serves, ``behind`` below it, ``beyond`` above
    it; of those that are ``unreadable`` nobody can say.
    """

    tenants: int
    there: int
    behind: int
    beyond: int
    unreadable: int

    @property
    def share(self) -> float:
        """The part of the tenants that is there, from 0 to 1; 1 where there are none."""
        return self.there / self.tenants if self.tenants else 1.0


def count(looker: Looker, isolation: IsolationProvider, tenants: Iterable[Tenant]) -> FleetShare:
    """Read where these tenants stand; a server that is away makes its own unreadable."""
    resolved = resolve(isolation, tenants)
    counted: Counter[Judgement] = Counter()
    counted[Judgement.UNREADABLE] += sum(len(r.target.tenants) for r in resolved.refusals)
    for target, verdict in _verdicts(looker, resolved.targets):
        counted[verdict.judgement] += len(target.tenants)
    looker.lines.sweep()
    return FleetShare(
        tenants=counted.total(),
        there=counted[Judgement.SERVED],
        behind=counted[Judgement.BEHIND],
        beyond=counted[Judgement.BEYOND],
        unreadable=counted[Judgement.UNREADABLE],
    )


def _verdicts(looker: Looker, targets: list[Target]) -> Iterator[tuple[Target, Verdict]]:
    """Schemas of one database are read together, all others each by itself."""
    together: dict[str, list[Target]] = {}
    alone = [target for target in targets if not target.schema]
    for target in targets:
        if target.schema:
            together.setdefault(target.database, []).append(target)
    for schemas in together.values():
        yield from zip(schemas, _of_schemas(looker, schemas), strict=True)
    if alone:
        with ThreadPoolExecutor(min(AT_ONCE, len(alone)), "tenancy-census") as pool:
            yield from zip(alone, pool.map(lambda t: _of_one(looker, t), alone), strict=True)


def _of_schemas(looker: Looker, targets: list[Target]) -> list[Verdict]:
    try:
        require_reachable(targets[0])
        with Line(targets[0].address, looker.timeout_s) as line:
            read = [_of_track(looker, judge, line, targets) for judge in looker.judges]
    except (TenancyError, psycopg.Error) as error:
        return [Verdict(Judgement.UNREADABLE, str(error))] * len(targets)
    return [worst(verdicts) for verdicts in zip(*read, strict=True)]


def _of_track(looker: Looker, judge: Judge, line: Line, targets: list[Target]) -> list[Verdict]:
    _, table = looker.table(judge, targets[0])
    positions = read_fleet(line, [target.schema for target in targets], table)
    return [judge.judge(position) for position in positions]


def _of_one(looker: Looker, target: Target) -> Verdict:
    try:
        return looker.verdict(target)
    except TenancyError as error:
        return Verdict(Judgement.UNREADABLE, str(error))
