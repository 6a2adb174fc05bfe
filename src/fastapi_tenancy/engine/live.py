"""Runs moves through Alembic's MigrationContext, on the session's own connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep

from fastapi_tenancy.engine.contexts import live_context
from fastapi_tenancy.engine.lease import FIRST_PAUSE_S, LONGEST_PAUSE_S
from fastapi_tenancy.engine.leaving import Leaving
from fastapi_tenancy.engine.residue import residue_of
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.environment import Environment
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Move, Road
from fastapi_tenancy.model.script import Classified, Rendered, Stage
from fastapi_tenancy.model.target import Target

Check = Callable[[psycopg.Connection], None]


class LiveRunner:
    """Runs stages in which a step needs a connection."""

    def __init__(self, history: History, environment: Environment, extra: tuple[str, ...]) -> None:
        self._history = history
        self._environment = environment
        self._extra = extra

    def run(
        self,
        session: Session,
        target: Target,
        stage: Stage,
        *,
        head: list[str],
        leaving: Leaving,
        render: Callable[[Move], Rendered],
        started: Callable[[Move | None], None],
        check: Check | None,
    ) -> None:
        """Run the stage in one transaction, as ``alembic upgrade`` would for this span.

        Args:
            head: the guard, sent first.
            render: gives the statements of the steps that are replayed among live neighbours.
            started: told before each move, and None after it.
            check: looks at the result before the commit; what it raises rolls back.
        """
        session.lending.follower = leaving
        pause = FIRST_PAUSE_S
        try:
            while not self._attempt(session, target, stage, head, render, started, leaving, check):
                leaving.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            session.lending.follower = None
            leaving.close(session)

    def _attempt(
        self,
        session: Session,
        target: Target,
        stage: Stage,
        head: list[str],
        render: Callable[[Move], Rendered],
        started: Callable[[Move | None], None],
        leaving: Leaving,
        check: Check | None,
    ) -> bool:
        """Run the stage, or return False when another runner is in the middle of it."""
        with session.lending.alchemy() as connection:
            translate = self._environment.translate_for(target.schema)
            connection.execution_options(schema_translate_map=translate)
            context = live_context(
                self._history, self._environment, self._extra, connection, target
            )
            steps = [self._step(c, render, started, leaving, session) for c in stage.steps]
            context._migrations_fn = lambda _heads, _context: steps
            identity = Identity(target)
            with (
                ambient.active(op=Operations(context), context=context.environment_context),
                running_for(identity),
                context.begin_transaction(),
            ):
                if not leaving.meet(session.raw, stage.steps[0].step.move, head):
                    return False
                context.guarded_heads = stage.before
                self._migrate(context, session, leaving, check)
        return True

    def _migrate(
        self, context: MigrationContext, session: Session, leaving: Leaving, check: Check | None
    ) -> None:
        with contained("the revision", MigrationFailedError):
            context.run_migrations(**self._environment.run_arguments)
        session.lending.require_aimed()
        cleared = leaving.clear_sql()
        if cleared:
            session.send(cleared)
        if check is not None:
            check(session.raw)

    def _step(
        self,
        classified: Classified,
        render: Callable[[Move], Rendered],
        started: Callable[[Move | None], None],
        leaving: Leaving,
        session: Session,
    ) -> RevisionStep:
        move = classified.step.move

        def run(**arguments: Any) -> None:
            started(move)
            leaving.turn_to(move)
            if classified.step.road is Road.LIVE:
                self._history.function(move)(**arguments)
            else:
                rendered = render(move)
                session.stain(residue_of([rendered]))
                session.lending.start()
                for statement in rendered.statements:
                    session.send(statement.sql)
            started(None)

        return revision_step(self._history, move, run)


def revision_step(history: History, move: Move, run: Callable[..., None]) -> RevisionStep:
    """A step of Alembic's that calls ``run`` instead of the revision's own function."""
    step = RevisionStep(history.directory.revision_map, history.script(move.revision), move.upgrade)
    run.__name__ = "upgrade" if move.upgrade else "downgrade"
    step.migration_fn = run
    return step
