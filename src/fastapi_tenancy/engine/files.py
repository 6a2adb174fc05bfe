"""SQLite files that are a target each."""

from __future__ import annotations

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.file_attempt import Attempts
from fastapi_tenancy.engine.file_desk import FileDesk
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.singles import SingleSite
from fastapi_tenancy.model.target import Target

LOCK_TIMEOUT_S = 60.0
"""How long a locked file is waited for where nothing else is said: SQLite has no queue for it."""


class FileSite(SingleSite[FileDesk]):
    """SQLite files."""

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._leaving: set[tuple[str, bool]] = set()
        self._attempts = Attempts()

    def _opened(self, project: Project, target: Target) -> FileDesk:
        timeout = self._brief.options.lock_timeout_s
        wait = LOCK_TIMEOUT_S if timeout is None else timeout
        return FileDesk(project, target, wait, self._attempts, self._leaving)

    def _check(self, targets: list[Target]) -> None:
        """A file needs no connection of a server."""
