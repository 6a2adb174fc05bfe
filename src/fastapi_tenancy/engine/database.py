"""PostgreSQL databases that are a target each: a tenant's own, or one that all tenants share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import islice

from fastapi_tenancy.engine.apply import Applier
from fastapi_tenancy.engine.book import Page
from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.database_desk import DatabaseDesk
from fastapi_tenancy.engine.pairing import Pairing
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import Prover
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.singles import SingleSite
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.event import Warned
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.elsewhere import answers, anywhere, elsewhere

TRIED = 20
"""Databases among which one is looked for that env.py can connect to."""


class DatabaseSite(SingleSite[DatabaseDesk]):
    """PostgreSQL databases."""

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._applier: Applier | None = None
        self._leases = brief.leases()
        self._checked: set[str] = set()
        self._pairing = Pairing(brief, self._prover, self._held, self._queue, self.end)

    def close(self) -> None:
        """Leave no connection behind."""
        super().close()
        self._leases.close()

    def _made(self, targets: list[Target]) -> Project:
        """Let env.py see databases that are there: it connects, and one may be missing."""
        if self._project is None:
            timeout = self._brief.options.connect_timeout_s
            there = (t for t in targets[:TRIED] if answers(t, timeout))
            sample = list(islice(there, 2)) or [elsewhere(t, timeout) for t in targets[:2]]
            self._project = self._brief.project(sample)
        return self._project

    def _stages(self, page: Page, desk: DatabaseDesk, target: Target) -> tuple[Stage, ...] | None:
        return self._pairing.stages(page, desk, target)

    def _ran_out(self, pages: list[Page]) -> None:
        self._pairing.give_up(pages)

    def _prover(self, desk: Callable[[Target], DatabaseDesk]) -> Prover:
        project = self._made([])
        return Prover(self._apply(project), project.renderer, lambda at: desk(at).session)

    def _apply(self, project: Project) -> Applier:
        if self._applier is None:
            self._applier = Applier(project, self._brief.isolation, self._leases)
        return self._applier

    def _opened(self, project: Project, target: Target) -> DatabaseDesk:
        brief = self._brief
        session = Session(
            target.address,
            brief.isolation.search_path,
            settings=brief.options.settings,
            connect_timeout_s=brief.options.connect_timeout_s,
            aborted=brief.stop.aborted,
        )
        create = brief.isolation.create_sql
        return DatabaseDesk(
            self._apply(project), session, target, brief.options.connect_timeout_s, create
        )

    def _check(self, targets: list[Target]) -> None:
        """Refuse more connections than a server has free; each server is asked once.

        Raises:
            BudgetError: a server has not so many.
            ServerUnreachableError: no server can be reached at all.
        """
        first = {t.database.rpartition("/")[0]: t for t in reversed(targets)}
        lost: list[ServerUnreachableError] = []
        for server in first.keys() - self._checked:
            try:
                with closing(anywhere(first[server], self._brief.options.connect_timeout_s)) as raw:
                    warning = check_budget(raw, self._brief.options.concurrency)
            except ServerUnreachableError as error:
                lost.append(error)
                continue
            self._checked.add(server)
            if warning:
                self._brief.listener(Warned(warning))
        if lost and len(lost) == len(first):
            raise lost[0]
