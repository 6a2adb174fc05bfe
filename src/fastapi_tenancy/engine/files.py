"""SQLite files that are a target each."""

from __future__ import annotations

from fastapi_tenancy.engine.book import Page
from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.file_attempt import Attempts, LeftError
from fastapi_tenancy.engine.file_desk import FileDesk
from fastapi_tenancy.engine.file_replay import FileReplayer
from fastapi_tenancy.engine.file_trial import LARGEST, UntriedError
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import CANDIDATES, not_proven
from fastapi_tenancy.engine.singles import SingleSite
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target

LOCK_TIMEOUT_S = 60.0
"""How long a locked file is waited for where nothing else is said: SQLite has no queue for it."""


class FileSite(SingleSite[FileDesk]):
    """SQLite files."""

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._leaving: set[tuple[str, bool]] = set()
        self._attempts = Attempts()
        self._replayer: FileReplayer | None = None

    def _opened(self, project: Project, target: Target) -> FileDesk:
        timeout = self._brief.options.lock_timeout_s
        wait = LOCK_TIMEOUT_S if timeout is None else timeout
        if self._replayer is None:
            self._replayer = FileReplayer(project)
        return FileDesk(
            project,
            target,
            wait,
            self._attempts,
            self._replayer,
            self._leaving,
            self._brief.stop.aborted,
        )

    def _check(self, targets: list[Target]) -> None:
        """A file needs no connection of a server."""

    def _stages(self, page: Page, desk: FileDesk, target: Target) -> tuple[Stage, ...]:  # noqa: ARG002
        with page.deciding:
            if not page.undecided:
                return page.stages
            try:
                difference = desk.replayed_otherwise(page.stages)
            except UntriedError:
                return self._untried(page)
            except LeftError:
                page.stages, page.undecided = page.live, False
                return page.stages
            if difference is not None:
                self._brief.tally.differ(not_proven(page.those, difference))
                page.stages = page.live
            page.undecided = False
            return page.stages

    def _untried(self, page: Page) -> tuple[Stage, ...]:
        """This one takes the live road; so do the others once enough of them told nothing."""
        page.looked += 1
        live = page.live
        if page.looked >= CANDIDATES:
            page.stages, page.undecided = live, False
            self._brief.warn(
                f"{page.those} take the live road: none of the first {page.looked} files could be"
                f" migrated on a copy (up to {LARGEST >> 20} MiB) to prove the replay"
            )
        return live
