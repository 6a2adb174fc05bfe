"""PostgreSQL databases that are a target each: a tenant's own, or one that all tenants share."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

import psycopg

from fastapi_tenancy.engine.apply import Applier, Progress
from fastapi_tenancy.engine.book import Page
from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.database_desk import USUAL_TABLE, DatabaseDesk, Glimpse
from fastapi_tenancy.engine.pairing import Pairing
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import Prover
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.singles import SingleSite
from fastapi_tenancy.errors import ServerUnreachableError, TenancyError
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.observe.elsewhere import answers, anywhere, elsewhere
from fastapi_tenancy.observe.positions import read_here
from fastapi_tenancy.observe.silence import is_silent


@dataclass(frozen=True, slots=True)
class Usual:
    """Where the last target stood, and the one stage that brought it where it should be."""

    page: Page
    stage: Stage
    schema: str

    @classmethod
    def of(cls, page: Page, target: Target) -> Usual | None:
        """None where a target has to be looked at before anything is sent to it."""
        if len(page.stages) != 1 or not target.schema:
            return None
        (stage,) = page.stages
        plain = stage.same_for_all and not stage.leaves  # so that nothing of it is live
        return cls(page, stage, target.schema) if plain and stage.swap is not None else None

    @property
    def roads(self) -> set[str]:
        """The roads of its steps."""
        return {c.step.road.value for c in self.stage.steps}


TRIED = 20
"""Databases among which one is looked for that env.py can connect to."""


class DatabaseSite(SingleSite[DatabaseDesk]):
    """PostgreSQL databases."""

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._applier: Applier | None = None
        self._leases = brief.leases()
        self._checked = False
        self._usual: Usual | None = None
        self._warmed: dict[TargetKey, Future[tuple[Session, Glimpse | None]]] = {}
        self._pairing = Pairing(brief, self._prover, self._held, self._queue, self.end)

    def close(self) -> None:
        """Leave no connection behind."""
        super().close()
        for warmed in self._warmed.values():
            warmed.result()[0].close()
        self._leases.close()

    def _made(self, targets: list[Target]) -> Project:
        """Let env.py see databases that are there: it connects, and one may be missing."""

        def sampled() -> list[Target]:
            timeout = self._brief.options.connect_timeout_s
            there = (t for t in targets[:TRIED] if answers(t, timeout))
            return list(islice(there, 2)) or [elsewhere(t, timeout) for t in targets[:2]]

        if self._project is None:
            self._project = self._brief.project(targets, sampled)
        return self._project

    def _stages(self, page: Page, desk: DatabaseDesk, target: Target) -> tuple[Stage, ...] | None:
        stages = self._pairing.stages(page, desk, target)
        if (
            stages is not None
            and not page.undecided
            and not self._made([]).environment.version_schema
        ):
            self._usual = Usual.of(page, desk.target)
        return stages

    def _at_once(self, desk: DatabaseDesk, target: Target) -> bool:
        """Send what the target before this one was sent; most of a fleet stands alike."""
        usual, started = self._usual, time.perf_counter()
        if usual is None or self._sampling.wants(usual.page):
            return False
        progress = Progress(stage=usual.stage, roads=usual.roads)
        try:
            found = desk.run_at_once(usual.stage, usual.schema)
        except psycopg.Error as lost:
            return self.end(usual.page, desk, target, progress, lost, started)
        if found is None:
            self._usual = None  # until it is known where this one stands
            return False
        self._brief.tally.saw(target, usual.stage.before)
        self.take(usual.page, desk, target, progress, None, found, started)
        return True

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
        warmed = self._warmed.pop(target.key, None)
        session, glimpse = (self._session(target), None) if warmed is None else warmed.result()
        create = brief.isolation.create_sql
        return DatabaseDesk(
            self._apply(project), session, target, brief.options.connect_timeout_s, create, glimpse
        )

    def _session(self, target: Target) -> Session:
        brief = self._brief
        return Session(
            target.address,
            brief.isolation.search_path,
            settings=brief.options.settings,
            connect_timeout_s=brief.options.connect_timeout_s,
            aborted=brief.stop.aborted,
        )

    def _warm(self, targets: list[Target]) -> None:
        if not targets:
            return
        pool = ThreadPoolExecutor(len(targets), "tenancy-warm")
        self._warmed = {t.key: pool.submit(self._opened_session, t) for t in targets}
        pool.shutdown(wait=False)

    def _opened_session(self, target: Target) -> tuple[Session, Glimpse | None]:
        session, glimpse = self._session(target), None
        with suppress(TenancyError, psycopg.Error):  # its worker will say so
            glimpse = read_here(session.raw, USUAL_TABLE)
        return session, glimpse

    def _check(self, targets: list[Target]) -> None:
        """Refuse more connections than the server has free; it is asked once.

        Raises:
            BudgetError: it has not so many.
            ServerUnreachableError: it does not answer, or nobody is let in.
        """
        if self._checked:
            return
        with closing(self._connected(targets)) as raw:
            warning = check_budget(raw, self._brief.options.concurrency)
        self._checked = True
        if warning:
            self._brief.warn(warning)

    def _connected(self, targets: list[Target]) -> psycopg.Connection:
        """A connection to the server: each tenant may have a role of its own, and a wrong one."""
        timeout_s, lost = self._brief.options.connect_timeout_s, None
        for target in targets[:TRIED]:
            try:
                return anywhere(target, timeout_s)
            except ServerUnreachableError as error:
                lost = lost or error
                if is_silent(error, target.address, timeout_s):
                    break
        assert lost is not None  # noqa: S101 - there are targets
        raise lost
