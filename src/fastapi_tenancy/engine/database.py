"""PostgreSQL databases that are a target each: a tenant's own, or one that all tenants share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import islice

import psycopg

from fastapi_tenancy.engine.apply import Applier, Progress
from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.desk import Desk
from fastapi_tenancy.engine.lease import Leases
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.singles import SingleSite
from fastapi_tenancy.errors import MigrationFailedError, ServerUnreachableError
from fastapi_tenancy.model.event import Warned
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import MISSING, Position, Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import database_of, with_database
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.positions import read_positions
from fastapi_tenancy.observe.structure import fingerprint, read_structures

TRIED = 20
"""Databases among which one is looked for that env.py can connect to."""
MAINTENANCE = ("postgres", "template1")
"""Databases that are asked about others, and from which others are made."""


class DatabaseSite(SingleSite):
    """PostgreSQL databases."""

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._applier: Applier | None = None
        self._leases = Leases(brief.stop.requested, lambda message: brief.listener(Warned(message)))
        self._checked: set[str] = set()

    def close(self) -> None:
        """Leave no connection behind."""
        super().close()
        self._leases.close()

    def _made(self, targets: list[Target]) -> Project:
        """Let env.py see databases that are there: it connects, and one may be missing."""
        if self._project is None:
            timeout = self._brief.options.connect_timeout_s
            there = (t for t in targets[:TRIED] if _answers(t, timeout))
            sample = list(islice(there, 2)) or [_elsewhere(t, timeout) for t in targets[:2]]
            self._project = self._brief.project(sample)
        return self._project

    def _opened(self, project: Project, target: Target) -> Desk:
        brief = self._brief
        if self._applier is None:
            self._applier = Applier(
                project.history,
                project.environment,
                project.renderer,
                project.live,
                brief.isolation,
                self._leases,
            )
        session = Session(
            target.address,
            brief.isolation.search_path,
            settings=brief.options.settings,
            connect_timeout_s=brief.options.connect_timeout_s,
        )
        create = brief.isolation.create_sql
        return DatabaseDesk(self._applier, session, target, brief.options.connect_timeout_s, create)

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
                with closing(
                    _anywhere(first[server], self._brief.options.connect_timeout_s)
                ) as raw:
                    warning = check_budget(raw, self._brief.options.concurrency)
            except ServerUnreachableError as error:
                lost.append(error)
                continue
            self._checked.add(server)
            if warning:
                self._brief.listener(Warned(warning))
        if lost and len(lost) == len(first):
            raise lost[0]


class DatabaseDesk:
    """One database, over one connection."""

    def __init__(
        self,
        applier: Applier,
        session: Session,
        target: Target,
        timeout_s: float,
        create_sql: Callable[[Target], str],
    ) -> None:
        self._applier = applier
        self._session = session
        self._target = target
        self._timeout_s = timeout_s
        self._create_sql = create_sql

    @property
    def target(self) -> Target:
        """The target, with the schema its database works in where that is known now."""
        return self._target

    def position(self) -> Position:
        """Where it stands, read now; over a new connection where the last one was lost.

        Raises:
            ServerUnreachableError: the server does not take the connection.
            MigrationFailedError: the role has no schema to work in, or the read failed.
        """
        try:
            self._aim()
            table, schema = self._applier.version_place(self._target)
            return next(read_positions(self._session.raw, [schema], table))
        except ServerUnreachableError:
            if self._target.strategy is IsolationStrategy.DATABASE and self._is_missing():
                return MISSING
            raise
        except psycopg.Error as error:
            raise MigrationFailedError(f"its position cannot be read: {error}") from error

    def create(self) -> None:
        """Make the database that is missing."""
        with closing(_anywhere(self._target, self._timeout_s)) as raw:
            raw.execute(self._create_sql(self._target).encode())
        self._aim()

    def run(self, stage: Stage, position: Position, progress: Progress) -> None:
        """Run one stage; it is committed when this returns."""
        self._applier.run_stage(self._session, self._target, stage, position, progress)

    def fingerprint(self) -> str | None:
        """A hash of its structure, or None while somebody keeps a part of it locked."""
        locked: set[str] = set()
        schema = self._target.schema
        found = dict(read_structures(self._session.raw, [schema], locked))
        return None if locked else fingerprint(found.get(schema, {}))

    def locate(self, stage: Stage, position: Position) -> tuple[Move, str] | None:
        """The statement at which a replayed stage fails; changes nothing."""
        try:
            return self._applier.locate(self._session, self._target, stage, position)
        except psycopg.Error:
            return None

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        self._session.cancel()

    def close(self) -> None:
        """Close its connection."""
        self._session.close()

    def _aim(self) -> None:
        row = self._session.raw.execute("SELECT current_schema()").fetchone()
        if row is None or row[0] is None:
            raise MigrationFailedError(
                f"no schema of the search path of {self._target.name} exists; create one, or set"
                " search_path of the role or the database"
            )
        self._target = replace(self._target, schema=str(row[0]))
        self._session.aim(self._target, recycle_after=2**31)

    def _is_missing(self) -> bool:
        try:
            with closing(_anywhere(self._target, self._timeout_s)) as raw:
                name = database_of(self._target.address)
                row = raw.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        except (ServerUnreachableError, psycopg.Error):
            return False
        return row is None


def _answers(target: Target, timeout_s: float) -> bool:
    try:
        connect(target.address, timeout_s).close()
    except ServerUnreachableError:
        return False
    return True


def _elsewhere(target: Target, timeout_s: float) -> Target:
    """The target as if it were a database that every server has; nothing is changed there."""
    for name in MAINTENANCE:
        other = replace(target, address=with_database(target.address, name))
        if _answers(other, timeout_s):
            return other
    return target


def _anywhere(target: Target, timeout_s: float) -> psycopg.Connection:
    """A connection to the target's server: to its database, or to one that every server has."""
    try:
        return connect(target.address, timeout_s)
    except ServerUnreachableError:
        for name in MAINTENANCE:
            try:
                return connect(with_database(target.address, name), timeout_s)
            except ServerUnreachableError:
                continue
        raise
