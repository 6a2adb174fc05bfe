"""The SQL of a plan as a script for psql, for people who want to read it or run it themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from fastapi_tenancy.engine.apply import Applier
from fastapi_tenancy.engine.lease import Leases
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.statements import aimed, outside_transaction
from fastapi_tenancy.engine.version_table import changes_sql
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.plan import Cohort, Road
from fastapi_tenancy.model.script import Rendered, Stage
from fastapi_tenancy.model.target import Position, Target


class OfflineScript:
    """Writes the transactions of each target of a plan."""

    def __init__(self, project: Project, isolation: IsolationProvider, options: RunOptions) -> None:
        leases = Leases(threading.Event(), lambda _: None)
        self._applier = Applier(project, isolation, leases)
        self._isolation = isolation
        # Never connects: only its prefix is asked for.
        self._session = Session(
            "", isolation.search_path, settings=options.settings, connect_timeout_s=0
        )

    def lines(self, cohort: Cohort, stages: tuple[Stage, ...]) -> Iterator[str]:
        """The script for a cohort, target by target.

        Raises:
            ConfigurationError: a step needs a connection, so it has no SQL of its own.
        """
        _refuse_live(stages)
        for target in cohort.targets:
            self._session.aim(target, recycle_after=2**31)
            # In one line: whatever a name holds, it stays a comment.
            yield " ".join(f"-- {target.tenant.identifier}: {target.name}".split())
            at = cohort.position
            for stage in stages:
                yield from self._stage(target, stage, at)
                at = Position(stage.after)

    def _stage(self, target: Target, stage: Stage, at: Position) -> Iterator[str]:
        head = self._applier.head(target, stage, at)
        if not stage.leaves:
            yield self._in_transaction([*head, *self._statements(target, stage)])
            return
        (rendered,) = self._applier.rendered(stage, target)
        yield self._in_transaction(head)
        for statement in rendered.statements:
            if statement.autocommit and outside_transaction(statement.sql):
                yield self._alone(target, statement.sql)
            else:
                yield self._in_transaction([statement.sql])
        yield self._last(target, rendered)

    def _statements(self, target: Target, stage: Stage) -> Iterator[str]:
        for rendered in self._applier.rendered(stage, target):
            yield from (s.sql for s in rendered.statements)
            yield from changes_sql(self._applier.table(target), rendered.move.changes)

    def _last(self, target: Target, rendered: Rendered) -> str:
        table = self._applier.table(target)
        return self._in_transaction(changes_sql(table, rendered.move.changes))

    def _in_transaction(self, statements: list[str]) -> str:
        body = "\n;\n".join(s.rstrip().rstrip(";") for s in statements)
        opening = ["BEGIN", self._session.prefix] if self._session.prefix else ["BEGIN"]
        return ";\n".join([*opening, body]) + "\n;\nCOMMIT;"

    def _alone(self, target: Target, statement: str) -> str:
        text = aimed(statement, target.schema)
        if text is not None:
            return f"{text};"
        # In psql the session is the reader's own, so a setting that outlives a transaction is too.
        path = self._isolation.search_path(target)
        return f"SET search_path TO {path};\n{statement};\nRESET search_path;"


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
