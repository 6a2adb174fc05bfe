"""The structure half of a run's proof: which fingerprints to compare, and with what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import psycopg

from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.tally import Tally
from fastapi_tenancy.engine.verify import odd_ones
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.outcome import Difference, OutcomeKind, Proof
from fastapi_tenancy.model.plan import Cohort, ProofLevel
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.structure import read_fingerprints

SAMPLE = 16
"""Targets of a cohort that are fingerprinted when the proof level is ``sample``."""
CHUNK = 500
ODD = (
    "its structure stood equal to other tenants' before and differs from theirs now, at the same"
    " revision; the revision depends on something else"
)


class Structures:
    """Remembers the fingerprints before, and compares those after."""

    def __init__(self, level: ProofLevel, tally: Tally, database: str) -> None:
        self._level = level
        self._tally = tally
        self._database = database
        self._cohorts: list[tuple[dict[str, str], bool, str | None]] = []
        self._after: dict[str, str] = {}

    def expect(self, session: Session, cohort: Cohort, stages: tuple[Stage, ...]) -> None:
        """Remember how targets look before the cohort runs, as far as the level asks."""
        if self._level is ProofLevel.REVISION:
            return
        before = self._before(session, cohort, {})
        self._cohorts.append((before, comparable(stages), None))

    def proven(
        self,
        session: Session,
        cohort: Cohort,
        stages: tuple[Stage, ...],
        before: dict[str, str],
        reference: Target,
    ) -> None:
        """As ``expect``, with a target whose structure is known to be right."""
        if self._level is ProofLevel.REVISION:
            return
        before = self._before(session, cohort, before)
        self._cohorts.append((before, comparable(stages), reference.schema))

    def read(self, connection: psycopg.Connection) -> None:
        """Read the fingerprints after the run."""
        for before, _, _ in self._cohorts:
            for chunk in chunked(self._succeeded(before), CHUNK):
                # What somebody keeps locked has the proof of its version row only.
                self._after |= read_fingerprints(connection, chunk, set())

    def prove(self) -> None:
        """Fail the targets that differ from their equals; for those whose version row is proven."""
        for before, compare, reference in self._cohorts:
            after = {s: self._after[s] for s in self._succeeded(before) if s in self._after}
            expected = (
                {before[reference]: after[reference]} if reference and reference in after else {}
            )
            odd = odd_ones(before, after, expected) if compare else {}
            self._enter(after, odd)
        self._cohorts.clear()
        self._after.clear()

    def _before(self, session: Session, cohort: Cohort, known: dict[str, str]) -> dict[str, str]:
        count = None if self._level is ProofLevel.ALL else SAMPLE
        wanted = [t.schema for t in cohort.targets[:count] if t.schema not in known]
        found: dict[str, str] = dict(known)
        locked: set[str] = set()
        for chunk in chunked(wanted, CHUNK):
            found |= dict.fromkeys(chunk, "")
            found |= read_fingerprints(session.raw, chunk, locked)
        return {schema: mark for schema, mark in found.items() if schema not in locked}

    def _succeeded(self, schemas: Iterable[str]) -> Iterable[str]:
        for schema in schemas:
            outcome = self._tally.outcome((self._database, schema))
            if outcome is not None and outcome.success:
                yield schema

    def _enter(self, after: dict[str, str], odd: dict[str, str]) -> None:
        for schema, fingerprint in after.items():
            outcome = self._tally.outcome((self._database, schema))
            if outcome is None:
                continue
            proof = Proof(outcome.to_heads, fingerprint)
            outcome = replace(outcome, proof=proof)
            if schema in odd:
                outcome = replace(outcome, kind=OutcomeKind.FAILED, error=ODD)
                self._tally.differ(Difference(f"schema {schema}", ODD))
            self._tally.correct(outcome)


def comparable(stages: tuple[Stage, ...]) -> bool:
    """True when equal targets must come out equal: nothing ran live, all got the same statements.

    A live step may look at a tenant's rows, and a per-tenant one at its name and tags.
    """
    return all(s.same_for_all for s in stages)
