"""Judges a position: whether the application can serve a tenant that stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from fastapi_tenancy.errors import UnknownRevisionError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.required import DEFAULT, RevisionRange
from fastapi_tenancy.model.target import Position, PositionState
from fastapi_tenancy.model.track import Track

_REMEMBERED = 256
"""Positions whose judgement is kept: a fleet stands at few."""


class Judgement(StrEnum):
    """Where a tenant stands, as seen from the application; from best to worst."""

    SERVED = "served"
    BEHIND = "behind"
    BEYOND = "beyond"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement, and its reason for people who know the tenants; empty for the served."""

    judgement: Judgement
    told: str = ""


SERVED = Verdict(Judgement.SERVED)
_WORST = (Judgement.UNREADABLE, Judgement.BEYOND, Judgement.BEHIND)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that counts for a tenant with several histories."""
    found = list(verdicts)
    for judgement in _WORST:
        for verdict in found:
            if verdict.judgement is judgement:
                return verdict
    return SERVED


class Judge:
    """Knows the revisions of one track, and which of them are served.

    Raises:
        UnknownRevisionError: the range names a revision that the scripts do not have.
        ConfigurationError: there are no scripts, or the range ends before it begins.
    """

    def __init__(self, track: Track, history: History, served: RevisionRange) -> None:
        self.track = track
        self.history = history
        self.goal = track.asked(served.newest or DEFAULT)
        """The revision that a tenant is migrated to."""
        self._served = served
        self._oldest = () if served.oldest is None else self._heads(served.oldest)
        self._newest = None if served.newest is None else self._heads(served.newest)
        self._of_heads = lru_cache(_REMEMBERED)(self._judged)
        goal = self._of_heads(self._heads(self.goal))
        if goal.judgement is not Judgement.SERVED:
            raise UnknownRevisionError(
                f"required_revision is {served}, but its end does not come after its beginning"
                f" ({goal.told}). Write the older revision first"
            )

    def judge(self, position: Position) -> Verdict:
        """Whether the application serves who stands there."""
        if position.state is PositionState.UNREADABLE:
            return Verdict(Judgement.UNREADABLE, position.problem)
        verdict = self._of_heads(position.heads)
        if position.state is PositionState.MISSING and verdict.judgement is Judgement.BEHIND:
            return Verdict(Judgement.BEHIND, "its schema or database does not exist")
        return verdict

    def _judged(self, heads: tuple[str, ...]) -> Verdict:
        unknown = [head for head in heads if head not in self.history.known]
        if unknown:
            if self._newest is None:
                return SERVED
            return Verdict(Judgement.BEYOND, self._told(heads, "which these scripts do not know"))
        try:
            if any(self._way(head, heads) for head in self._oldest):
                return Verdict(Judgement.BEHIND, self._told(heads))
            if self._newest is not None and any(self._way(h, self._newest) for h in heads):
                return Verdict(Judgement.BEYOND, self._told(heads, "which is newer"))
        except UnknownRevisionError as error:  # rows that contradict each other
            return Verdict(Judgement.UNREADABLE, str(error))
        return SERVED

    def _heads(self, revision: str) -> tuple[str, ...]:
        """The heads of who was upgraded to a revision from nothing."""
        asked = self.track.asked(revision)
        self.history.require(asked)
        return self.history.span(Command.UPGRADE, asked, ()).after

    def _way(self, revision: str, heads: tuple[str, ...]) -> bool:
        """True when there is something to do from ``heads`` to a revision."""
        return bool(self.history.span(Command.UPGRADE, revision, heads).moves)

    def _told(self, heads: tuple[str, ...], why: str = "") -> str:
        where = " and ".join(heads) or "no revision"
        track = f" of the track {self.track.name!r}" if self.track.name else ""
        needed = str(self._served)
        if DEFAULT in (self._served.oldest, self._served.newest) or "head" in needed:
            needed += f" ({', '.join(self.history.heads)})"
        behind = f", {why}" if why else ""
        return f"it stands at {where}{track}{behind}; the application serves {needed}"
