"""Reads back what a run left: version rows of all targets, structures of some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Proof
from fastapi_tenancy.model.target import Position, PositionState

UNREAD = (
    "it was migrated without an error, but the server could not be read back afterwards; run again"
    " to be sure"
)


def verified(outcomes: list[Outcome], positions: Iterable[Position]) -> Iterable[Outcome]:
    """Turn what workers reported into what the targets themselves say, in order.

    Args:
        positions: of the target of each outcome, read after the work was done.
    """
    proofs: dict[tuple[str, ...], Proof] = {}
    for outcome, position in zip(outcomes, positions, strict=True):
        if position.state is PositionState.VERSIONED and position.heads == outcome.to_heads:
            proof = proofs.setdefault(position.heads, Proof(position.heads))
            yield replace(outcome, proof=proof)
        else:
            yield _not_there(outcome, position)


def _not_there(outcome: Outcome, position: Position) -> Outcome:
    wanted = ", ".join(outcome.to_heads) or "base"
    found = {
        PositionState.MISSING: "the schema is gone",
        PositionState.UNVERSIONED: "there is no version table",
        PositionState.UNREADABLE: position.problem,
        PositionState.VERSIONED: f"it stands at {', '.join(position.heads) or 'base'}",
    }[position.state]
    return replace(
        outcome,
        kind=OutcomeKind.FAILED,
        to_heads=position.heads,
        error=f"the run raised no error, but read back afterwards {found} instead of {wanted}."
        " A revision may have ended the transaction itself; look at it, then run again",
    )


Key = TypeVar("Key", bound=Hashable)
"""What tells one target from another."""


def odd_ones(
    before: Mapping[Key, str], after: Mapping[Key, str], expected: Mapping[str, str]
) -> dict[Key, str]:
    """Find schemas that stood equal before and are not equal to the rest now.

    Args:
        before: fingerprint of each schema before the run; schemas with the same one must
            have the same one afterwards.
        after: fingerprint of each schema after it.
        expected: fingerprint proven right, by fingerprint before, where one was proven.

    Returns:
        The schemas that differ, each with the fingerprint it should have.
    """
    groups: dict[str, list[Key]] = {}
    for schema, fingerprint in before.items():
        if schema in after:
            groups.setdefault(fingerprint, []).append(schema)
    odd: dict[Key, str] = {}
    for fingerprint, schemas in groups.items():
        common = Counter(after[s] for s in schemas).most_common(1)[0][0]
        right = expected.get(fingerprint, common)
        odd |= {s: right for s in schemas if after[s] != right}
    return odd
