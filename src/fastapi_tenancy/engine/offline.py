"""The SQL of a plan as a script, for people who want to read it or run it themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.version_table import changes_sql
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Cohort, Road
from fastapi_tenancy.model.script import Rendered, Stage
from fastapi_tenancy.model.target import Position, Target


class OfflineScript(ABC):
    """Writes the transactions of each target of a plan."""

    def lines(self, project: Project, cohort: Cohort, stages: tuple[Stage, ...]) -> Iterator[str]:
        """The script for a cohort, target by target.

        Raises:
            ConfigurationError: a step needs a connection, so it has no SQL of its own.
        """
        _refuse_live(stages)
        self._turn_to(project)
        for target in cohort.targets:
            # In one line: whatever a name holds, it stays a comment.
            yield " ".join(f"-- {target.tenant.identifier}: {target.name}".split())
            yield from self._way_to(target, cohort.position)
            at = cohort.position
            for stage in stages:
                yield from self._stage(project, target, stage, at)
                at = Position(stage.after)

    @abstractmethod
    def _turn_to(self, project: Project) -> None:
        """Write for targets of this project from now on."""

    @abstractmethod
    def _way_to(self, target: Target, position: Position) -> Iterator[str]:
        """What brings the shell to a target, and makes it where it is missing."""

    @abstractmethod
    def _head(self, target: Target, stage: Stage, at: Position) -> list[str]:
        """What opens the first transaction of a stage: the guard, or what is missing so far."""

    @abstractmethod
    def _table(self, target: Target) -> str:
        """The version table, as the statements of this script name it."""

    @abstractmethod
    def _in_transaction(self, target: Target, statements: list[str]) -> str:
        """The statements as one transaction."""

    @abstractmethod
    def _alone(self, target: Target, statement: str) -> str | None:
        """A statement that stands outside of transactions; None where it may stand in one."""

    def _stage(self, project: Project, target: Target, stage: Stage, at: Position) -> Iterator[str]:
        head, table = self._head(target, stage, at), self._table(target)
        parts = project.rendered(stage, target)
        if not stage.leaves:
            yield self._in_transaction(target, [*head, *_statements(parts, table)])
            return
        (rendered,) = parts
        yield self._in_transaction(target, head)
        for statement in rendered.statements:
            alone = self._alone(target, statement.sql) if statement.autocommit else None
            yield alone or self._in_transaction(target, [statement.sql])
        yield self._in_transaction(target, changes_sql(table, rendered.move.changes))


def _statements(parts: tuple[Rendered, ...], table: str) -> Iterator[str]:
    for rendered in parts:
        yield from (s.sql for s in rendered.statements)
        yield from changes_sql(table, rendered.move.changes)


def _refuse_live(stages: tuple[Stage, ...]) -> None:
    steps = [c.step for s in stages for c in s.steps]
    if any(step.road is Road.ENV for step in steps):
        raise ConfigurationError(
            "--sql cannot show what env.py does: with --engine env it connects and migrates by"
            " itself. Leave --engine env away, or look at the plan with --dry-run"
        )
    live = [step for step in steps if step.road is Road.LIVE]
    if live:
        told = "; ".join(f"{step.move.revision} {step.reason}" for step in live)
        raise ConfigurationError(
            f"--sql cannot show revisions that take the live road, their SQL depends on what they"
            f" read: {told}. Ask for a revision before them, or look at them with --dry-run"
        )
