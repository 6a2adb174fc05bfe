"""Proves a replay on a pair of equal targets before the rest of a cohort takes that road."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from fastapi_tenancy.engine.apply import Applier, Progress
from fastapi_tenancy.engine.compare import shape
from fastapi_tenancy.engine.failure import cause
from fastapi_tenancy.engine.render import Renderer
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.trace import NeedsConnection
from fastapi_tenancy.engine.written import written_otherwise
from fastapi_tenancy.model.outcome import Difference
from fastapi_tenancy.model.plan import Cohort, Road
from fastapi_tenancy.model.script import Stage, all_live
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.structure import (
    Structure,
    fingerprint,
    read_structures,
    told_difference,
)

CANDIDATES = 16
"""Targets of a cohort among which a pair of equals is looked for."""
SMALLEST = 3
"""Fleets below this size run live as a whole: there is no rest that a proof could serve."""
REASON = "the replay could not be proven on a pair of equal tenants"


class ProofFailed(Exception):  # noqa: N818 - a finding, not an error of ours
    """The replayed target does not look like the one that ran live."""


def not_proven(who: str, difference: str) -> Difference:
    """What is reported when a pair differs."""
    return Difference(
        who,
        f"replaying would not give what Alembic gives, so they take the live road: {difference}",
        settled=True,
    )


def no_pair(who: str, looked: int, *, tried: bool) -> str:
    """What is told when no pair was found, or (``tried``) none could be migrated."""
    if tried:
        why = "two of equal structure were found, but could not be migrated to prove the replay"
    else:
        why = f"no two of the first {looked} are of equal structure, to prove the replay on"
    return f"{who} take the live road: {why}"


def one_session(who: str) -> str:
    """What is told when the two of a pair would have to share a connection, and cannot."""
    return (
        f"{who} take the live road: a revision may leave something in its session for the next"
        " one, so proving the replay takes two connections (--concurrency 2)"
    )


@dataclass(slots=True)
class Pair:
    """Two targets of equal structure: the first runs live, the second is replayed."""

    live: Target
    replayed: Target


@dataclass(frozen=True, slots=True)
class Candidates:
    """Fingerprints by schema: of the first two, and soon of the rest."""

    first: Mapping[str, str]
    rest: Future[dict[str, str]]

    def all(self) -> dict[str, str]:
        """Those of all candidates, but for those that somebody keeps locked."""
        return {**self.first, **self.rest.result()}


Finish = Callable[[Target, Progress, BaseException | None], None]
"""Told the end of each target of the pair."""


class Prover:
    """Runs the pair of one cohort."""

    def __init__(
        self, applier: Applier, renderer: Renderer, session: Callable[[Target], Session]
    ) -> None:
        """Args:
        session: gives the connection to work on a target with.
        """
        self._applier = applier
        self._renderer = renderer
        self._session = session

    @contextmanager
    def candidates(self, cohort: Cohort, other: psycopg.Connection) -> Iterator[Candidates]:
        """Yield the targets among which a pair may be found, most of them read over ``other``."""
        schemas = [t.schema for t in cohort.targets[:CANDIDATES]]
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(_fingerprints, other, schemas[2:])
            first = self._session(cohort.targets[0]).raw
            yield Candidates(_fingerprints(first, schemas[:2]), rest)

    def pairs(
        self, cohort: Cohort, stages: tuple[Stage, ...], candidates: Candidates
    ) -> Iterator[Pair]:
        """Yield pairs of equal structure that would be sent statements of the same shape."""
        quick = self._pairs(cohort.targets[:2], stages, candidates.first)
        yield from quick
        left = cohort.targets[2 if quick else 0 : CANDIDATES]
        yield from self._pairs(left, stages, candidates.all())

    def _pairs(
        self, targets: Sequence[Target], stages: tuple[Stage, ...], before: Mapping[str, str]
    ) -> list[Pair]:
        groups: dict[object, list[Target]] = {}
        for target in targets:
            if target.schema not in before:
                continue
            key = (before[target.schema], self.shape(stages, target))
            groups.setdefault(key, []).append(target)
        largest = max(groups.values(), key=len, default=[])
        return [Pair(a, b) for a, b in zip(largest[::2], largest[1::2], strict=False)]

    def run(
        self, pair: Pair, stages: tuple[Stage, ...], position: Position, finish: Finish
    ) -> tuple[bool, str | None]:
        """Run a pair, stage by stage, each stage first live, then replayed and compared.

        Returns:
            Whether the pair decided anything, and the difference if it did not hold.
        """
        live, replayed = Progress(), Progress()
        difference: str | None = None
        for number, stage in enumerate(stages):
            at = position if number == 0 else Position(stage.before)
            forced = all_live(stage, "reference of a pair")
            error = self._try(pair.live, forced, at, live, record=True)
            if error is not None:
                finish(pair.live, live, error)
                if number:
                    self._rest(pair.replayed, stages[number:], at, replayed, finish)
                return False, difference
            # A lock of a session would keep the other one of the pair waiting for ever.
            self._session(pair.live).unlock()
            difference = difference or written_otherwise(self._renderer, stage, pair.live, live)
            second = forced if difference else stage
            error, found = self._second(pair, second, forced, at, replayed)
            difference = difference or found
            if error is not None:
                finish(pair.replayed, replayed, error)
                self._rest(pair.live, stages[number + 1 :], Position(stage.after), live, finish)
                return difference is not None, difference
        for target, progress in ((pair.live, live), (pair.replayed, replayed)):
            self._session(target).clean()
            finish(target, progress, None)
        return True, difference

    def _second(
        self, pair: Pair, stage: Stage, forced: Stage, at: Position, progress: Progress
    ) -> tuple[BaseException | None, str | None]:
        """Replay one stage and compare; where that fails, run it live instead."""
        if not stage.proven_by_pair:
            return self._try(pair.replayed, stage, at, progress), None

        def check(connection: psycopg.Connection) -> None:
            wanted, other = self._structures(pair, connection)
            if wanted != other:
                raise ProofFailed(f"its structure differs: {told_difference(wanted, other)}")

        error = self._try(pair.replayed, stage, at, progress, check=check)
        if error is None:
            return None, None
        again = self._try(pair.replayed, forced, at, progress)
        if again is not None:
            return again, None
        what = str(error) if isinstance(error, ProofFailed) else f"it fails: {cause(error)}"
        return None, f"replayed at {pair.replayed.name}, {what}"

    def _structures(
        self, pair: Pair, connection: psycopg.Connection
    ) -> tuple[Structure, Structure]:
        """Those of the pair, the second as the open transaction of ``connection`` sees it."""
        first, second = self._session(pair.live), self._session(pair.replayed)
        names = (pair.live.schema, pair.replayed.schema)
        if first is second:
            found = _unlocked(connection, names)
            return found[0], found[1]
        return _unlocked(first.raw, names[:1])[0], _unlocked(connection, names[1:])[0]

    def _rest(
        self,
        target: Target,
        stages: tuple[Stage, ...],
        at: Position,
        progress: Progress,
        finish: Finish,
    ) -> None:
        error: BaseException | None = None
        for number, stage in enumerate(stages):
            here = at if number == 0 else Position(stage.before)
            error = self._try(target, all_live(stage, REASON), here, progress)
            if error is not None:
                break
        finish(target, progress, error)

    def _try(
        self,
        target: Target,
        stage: Stage,
        at: Position,
        progress: Progress,
        *,
        record: bool = False,
        check: Callable[[psycopg.Connection], None] | None = None,
    ) -> BaseException | None:
        session = self._session(target)
        session.aim(target, recycle_after=2**31)
        try:
            self._applier.run_stage(
                session, target, stage, at, progress, record=record, check=check
            )
        except Exception as error:  # every cause is reported by the caller
            session.close()
            return error
        return None

    def shape(self, stages: tuple[Stage, ...], target: Target) -> object:
        """What has to be the same of two targets' statements, where each gets its own."""
        moves = [c.step.move for s in stages for c in s.steps if c.step.road is Road.PER_TENANT]
        shapes: list[tuple[str, object]] = []
        for move in moves:
            try:
                rendered = self._renderer.render(move, target)
            except (NeedsConnection, Exception) as error:
                shapes.append((move.revision, repr(error)))
                continue
            shapes.append((move.revision, tuple(shape(s.sql) for s in rendered.statements)))
        return tuple(shapes)


def _fingerprints(connection: psycopg.Connection, schemas: Sequence[str]) -> dict[str, str]:
    locked: set[str] = set()
    found = dict(read_structures(connection, schemas, locked))
    # A schema that is about to be created is as empty as any other.
    return {s: fingerprint(found.get(s, {})) for s in schemas if s not in locked}


def _unlocked(connection: psycopg.Connection, schemas: Sequence[str]) -> list[Structure]:
    locked: set[str] = set()
    found = dict(read_structures(connection, schemas, locked))
    if locked:
        raise ProofFailed(f"the structure of {min(locked)} is locked by another session")
    return [found.get(schema, {}) for schema in schemas]
