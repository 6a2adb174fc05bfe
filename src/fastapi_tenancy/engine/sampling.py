"""The structure half of the proof, for targets that are a database each."""

from __future__ import annotations

from dataclasses import replace

from fastapi_tenancy.engine.book import Page
from fastapi_tenancy.engine.desk import Desk
from fastapi_tenancy.engine.structures import ODD, comparable
from fastapi_tenancy.engine.tally import Tally
from fastapi_tenancy.engine.verify import odd_ones
from fastapi_tenancy.model.outcome import Difference, OutcomeKind, Proof
from fastapi_tenancy.model.plan import ProofLevel
from fastapi_tenancy.model.target import Target

SAMPLE = 3
"""Targets of a position that are looked at, a pair among them: in a database of its own a look
costs as much as a few migrations, as its server process has to learn the whole catalogue for it."""


class Sampling:
    """Reads the fingerprints that the proof level asks for, and compares those of equals."""

    def __init__(self, level: ProofLevel, tally: Tally) -> None:
        self._level = level
        self._tally = tally

    def wants(self, page: Page) -> bool:
        """True when the next target of a position is one that is looked at."""
        if self._level is ProofLevel.SAMPLE:
            return page.wanted < SAMPLE
        return self._level is ProofLevel.ALL

    def before(self, page: Page, desk: Desk, target: Target) -> None:
        """Remember how a target looks before its stages run, as far as the level asks."""
        with page.looking:
            if target.key in page.before or not self.wants(page):
                return
            page.wanted += 1
            page.reading += 1
        try:
            found = desk.fingerprint() if comparable(page.stages) else ""
            if found is not None:
                page.before[target.key] = found
        finally:
            with page.looking:
                page.reading -= 1
                page.looking.notify_all()

    def after(self, page: Page, desk: Desk, target: Target) -> None:
        """Read it again once its version row is proven."""
        if target.key in page.before:
            found = desk.fingerprint()
            if found is not None:
                page.after[target.key] = found

    def compare(self, pages: list[Page]) -> None:
        """Enter the proofs; fail the targets that differ from their equals."""
        for page in pages:
            odd = odd_ones(page.before, page.after, {}) if comparable(page.stages) else {}
            for key, fingerprint in page.after.items():
                outcome = self._tally.outcome(key)
                if outcome is None:
                    continue
                outcome = replace(outcome, proof=Proof(outcome.to_heads, fingerprint))
                if key in odd:
                    outcome = replace(outcome, kind=OutcomeKind.FAILED, error=ODD)
                    self._tally.differ(Difference(outcome.target.name, ODD))
                self._tally.correct(outcome)
