"""Alembic's face for env.py, in a worker: it goes to the targets of a job and nowhere else."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy import event
from sqlalchemy.engine import Connection

import fastapi_tenancy.isolation.operations  # noqa: F401 - registers op.enable_tenant_rls
from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.contested import WAIT
from fastapi_tenancy.engine.env.job import Job, Setup
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.place import Place, place_of
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Command, Move
from fastapi_tenancy.model.target import Target, TargetKey


class Aborted(BaseException):
    """The run was interrupted a second time."""


class OwnContext(EnvironmentContext):
    """What ``alembic.command`` sets up, with the scripts that are loaded already."""

    def __init__(self, config: Config, history: History, setup: Setup, job: Job) -> None:
        self._history = history
        self._setup = setup
        self._job = job
        self._at: Target | None = None
        self._by_schema: dict[str, list[Target]] = {}
        for target in job.targets:
            self._by_schema.setdefault(target.schema, []).append(target)
        self._limited: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.stopping = False
        """Set from a signal handler: a loop goes to no other target."""
        self.progress = Progress()
        self.met: list[TargetKey] = []
        asked = setup.revision
        options: dict[str, Any] = {"destination_rev": asked, "starting_rev": None, "tag": None}
        if setup.command is Command.STAMP:
            options |= {"destination_rev": (asked,), "purge": job.purge}
        super().__init__(config, history.directory, fn=self._steps, as_sql=False, **options)

    @property
    def at(self) -> TargetKey | None:
        """The target env.py is at now, if it is at one of the job's."""
        return self._at.key if self._at is not None else None

    def configure(self, *args: Any, **kw: Any) -> None:
        """As Alembic's, with a look at where env.py has gone to."""
        self._at = None
        super().configure(*args, **kw)
        connection = self.get_context().connection
        if connection is None:
            raise MigrationFailedError(
                "env.py gives context.configure() no connection; expected connection="
            )
        place = place_of(connection, self.context_opts)
        self._at = None if self.stopping else self._target_at(place)
        if self._at is not None:
            self.met.append(self._at.key)
            self._limit(connection)
        elif not self._job.loops:
            raise MigrationFailedError(_elsewhere(place, self._job.targets[0]))

    def begin_transaction(self) -> Any:
        """As Alembic's; none where env.py is at nobody's place."""
        return super().begin_transaction() if self._at is not None else nullcontext()

    def run_migrations(self, **kw: Any) -> None:
        """As Alembic's; nothing where env.py is at nobody's place."""
        if self._at is not None:
            super().run_migrations(**kw)
        elif not self._job.loops:
            raise MigrationFailedError(
                "env.py calls context.run_migrations() after context.configure() has failed"
            )

    def _target_at(self, place: Place) -> Target | None:
        schemas = self._by_schema
        near = (
            *schemas.get(place.schema or "", ()),
            *(schemas.get("", ()) if place.schema else ()),
        )
        return next((target for target in near if place.is_of(target)), None)

    def _limit(self, connection: Connection) -> None:
        """Send the settings at the beginning of each transaction of this connection."""
        settings = (*self._setup.settings, *((WAIT,) if self._job.waits else ()))
        if not settings or connection.dialect.name != "postgresql" or connection in self._limited:
            return
        self._limited.add(connection)

        def send(begun: Connection) -> None:
            with closing(begun.connection.cursor()) as cursor:
                for setting in settings:
                    cursor.execute(setting)

        event.listen(connection, "begin", send)
        if connection.in_transaction():
            send(connection)

    def _steps(self, heads: tuple[str, ...], _context: MigrationContext) -> list[Any]:
        command = self._setup.command
        steps = self._history.steps(command, self._setup.revision, heads)
        return steps if command is Command.STAMP else [self._noted(step) for step in steps]

    def _noted(self, step: RevisionStep) -> RevisionStep:
        script: Script = step.revision
        step.migration_fn = self._function(script, upgrade=step.is_upgrade)
        return step

    def _function(self, script: Script, *, upgrade: bool) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            self.progress.move = Move(script.revision, upgrade, (), ())
            with contained("the revision", MigrationFailedError, Aborted):
                # Of a fresh module, as in the process that plain Alembic would have started.
                self._history.modules.function(script, upgrade=upgrade)(**arguments)
            self.progress.move = None

        run.__name__ = "upgrade" if upgrade else "downgrade"
        return run


def _elsewhere(place: Place, target: Target) -> str:
    wanted = f"schema {target.schema!r}" if target.schema else f"database {target.database}"
    return (
        f"env.py goes to {place}, but this tenant lives in {wanted}: with --engine env, env.py"
        " itself has to go to the tenant's place, named by"
        " context.get_x_argument(as_dictionary=True) (schema, url, tenant). Nothing was changed"
        " there; --engine auto goes to the right place by itself"
    )
