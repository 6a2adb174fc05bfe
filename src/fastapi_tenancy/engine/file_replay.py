"""Replays a stage of an SQLite file in one transaction, over the driver alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.file_attempt import Attempt
from fastapi_tenancy.engine.file_version import FileVersion
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.version_table import changes_sql
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target


class FileReplayer:
    """What stays the same from file to file."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._version = FileVersion(project)

    def run(
        self,
        attempt: Attempt,
        target: Target,
        stage: Stage,
        progress: Progress,
        guard: Callable[[sqlite3.Connection], None],
    ) -> None:
        """Run a stage of which nothing is live; it is committed when this returns.

        Args:
            guard: called first, with the lock of the file held.

        Raises:
            LeftError: the stage leaves its transaction; nothing was changed.
            Exception: whatever the database said; nothing was changed.
        """
        raw = attempt.raw
        try:
            raw.execute("BEGIN IMMEDIATE")
            with attempt.revision(guard):
                if not stage.before:
                    raw.execute(self._version.create)
                for rendered in self._project.rendered(stage, target):
                    progress.move = rendered.move
                    for statement in rendered.statements:
                        progress.statement = statement.sql
                        raw.execute(statement.sql)
                    progress.statement = None
            for step in stage.steps:
                for change in changes_sql(self._version.table, step.step.move.changes):
                    raw.execute(change)
            raw.execute("COMMIT")
        finally:
            with suppress(sqlite3.Error):  # what went wrong first is what is told
                if raw.in_transaction:
                    raw.execute("ROLLBACK")
