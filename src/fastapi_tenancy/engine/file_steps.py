"""Runs one stage of a file through Alembic's MigrationContext, on a connection given."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import RevisionStep
from sqlalchemy import Connection

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.contexts import live_context
from fastapi_tenancy.engine.file_recording import recording
from fastapi_tenancy.engine.live import revision_step
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.model.script import Classified, Stage
from fastapi_tenancy.model.target import Target


def run_steps(
    project: Project,
    connection: Connection,
    target: Target,
    stage: Stage,
    progress: Progress,
    *,
    whole: bool,
    during: AbstractContextManager[None],
    record: bool = False,
) -> None:
    """Run a stage as ``alembic upgrade`` would.

    Args:
        whole: in one transaction, rather than as Alembic does with SQLite: its statements are
            committed one by one.
        during: entered once the transaction is open, and left before it is committed.
        record: keep the statements that the moves send.

    Raises:
        Exception: whatever the database or the revision raised.
    """
    environment = project.environment
    connection.execution_options(schema_translate_map=environment.translate_for(target.schema))
    context = live_context(
        project.history, environment, project.extra, connection, target, whole=whole
    )
    with (
        ambient.active(op=Operations(context), context=context.environment_context),
        running_for(Identity(target)),
        context.begin_transaction(),
        during,
    ):
        context.guarded_heads = stage.before
        recorded = connection if record else None
        steps = [_step(project, c, progress, recorded) for c in stage.steps]
        context._migrations_fn = lambda _heads, _context: steps
        with contained("the revision", MigrationFailedError):
            context.run_migrations(**environment.run_arguments)


def _step(
    project: Project,
    classified: Classified,
    progress: Progress,
    recorded: Connection | None,
) -> RevisionStep:
    move = classified.step.move

    def run(**arguments: Any) -> None:
        progress.move = move
        sent = progress.recorded.setdefault(move.revision, [])
        with nullcontext() if recorded is None else recording(recorded, sent):
            project.history.function(move)(**arguments)

    return revision_step(project.history, move, run)
