"""A rendered span: statements, and which of them leave the transaction."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.model.plan import Move, Road, Step, VersionChange


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement as sent; ``autocommit`` statements run outside of any transaction."""

    sql: str
    autocommit: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """The statements of one move."""

    move: Move
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Classified:
    """A step, its statements when every target gets the same ones, and whether it leaves."""

    step: Step
    rendered: Rendered | None
    leaves: bool = False
    """True when a statement of it runs outside of a transaction."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Moves that stand or fall together: one transaction, or one move that leaves it."""

    steps: tuple[Classified, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def live(self) -> bool:
        """True when a step of it needs a connection."""
        return any(c.step.road is Road.LIVE for c in self.steps)

    @property
    def leaves(self) -> bool:
        """True when a rendered step of it leaves the transaction."""
        return any(c.leaves for c in self.steps)

    @property
    def same_for_all(self) -> bool:
        """True when every target gets the same statements."""
        return all(c.rendered is not None for c in self.steps)

    @property
    def swap(self) -> VersionChange | None:
        """The one change of one version row that the whole stage comes to, or None."""
        changes = [change for c in self.steps for change in c.step.move.changes]
        if len(self.before) != 1 or any(c.old is None or c.new is None for c in changes):
            return None
        return VersionChange(self.before[0], self.after[0]) if len(self.after) == 1 else None

    @property
    def proven_by_pair(self) -> bool:
        """True when something of it is replayed, and so has to be proven."""
        return any(c.step.road is not Road.LIVE for c in self.steps)


def cut(
    steps: tuple[Classified, ...], before: tuple[str, ...], *, per_move: bool
) -> tuple[Stage, ...]:
    """Cut a span into stages, each at a revision boundary.

    Args:
        per_move: a stage for every move, as ``transaction_per_migration`` asks for.
    """
    groups: list[list[Classified]] = []
    for step in steps:
        alone = per_move or step.leaves
        if not groups or alone or groups[-1][-1].leaves:
            groups.append([])
        groups[-1].append(step)
    stages = []
    for group in groups:
        after = group[-1].step.move.heads
        stages.append(Stage(tuple(group), before, after))
        before = after
    return tuple(stages)


def all_live(stage: Stage, reason: str) -> Stage:
    """The same stage with every step on the live road."""
    steps = tuple(
        Classified(Step(c.step.move, Road.LIVE, reason), None, c.leaves) for c in stage.steps
    )
    return Stage(steps, stage.before, stage.after)
