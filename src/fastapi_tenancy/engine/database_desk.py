"""One PostgreSQL database that is a target whole, over one connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import psycopg

from fastapi_tenancy.engine.apply import Applier, Progress
from fastapi_tenancy.engine.failure import cause, is_lost
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.errors import MigrationFailedError, ServerUnreachableError, TenancyError
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import MISSING, Position, Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.observe.elsewhere import anywhere, is_missing
from fastapi_tenancy.observe.positions import (
    elsewhere_on_path,
    look_here,
    read_again,
    read_here,
    read_positions,
    read_seen,
)
from fastapi_tenancy.observe.structure import fingerprint, read_structures

USUAL_TABLE = "alembic_version"
Glimpse = tuple[str, Position]
"""The schema that tables are made in, and its position."""


class DatabaseDesk:
    """One database, over one connection."""

    def __init__(
        self,
        applier: Applier,
        session: Session,
        target: Target,
        timeout_s: float,
        create_sql: Callable[[Target], str],
        glimpse: Glimpse | None = None,
    ) -> None:
        """Args:
        glimpse: what was found a moment ago, where its version table is ``USUAL_TABLE``.
        """
        self._applier = applier
        self._session = session
        self._target = target
        self._timeout_s = timeout_s
        self._create_sql = create_sql
        self._glimpse = glimpse
        self._moved = False

    @property
    def session(self) -> Session:
        """Its connection, aimed at it."""
        return self._session

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
        self._session.clean()  # a role or a setting that a revision left is not to read by
        try:
            return self._read()
        except ServerUnreachableError as error:
            answers = self._target.strategy is IsolationStrategy.DATABASE and not error.timed_out
            if answers and is_missing(self._target, self._timeout_s):
                return MISSING
            raise
        except psycopg.errors.LockNotAvailable as error:
            raise MigrationFailedError(
                "another session keeps its version table locked; run again when it is done"
            ) from error
        except psycopg.Error as error:
            raise MigrationFailedError(f"its position cannot be read: {cause(error)}") from error

    def create(self) -> None:
        """Make the database that is missing."""
        try:
            with closing(anywhere(self._target, self._timeout_s)) as raw:
                raw.execute(self._create_sql(self._target).encode())
        except psycopg.errors.DuplicateDatabase:
            pass  # another runner was quicker
        except psycopg.Error as error:
            raise MigrationFailedError(f"it cannot be made: {cause(error)}") from error

    def run(self, stage: Stage, position: Position, progress: Progress) -> None:
        """Run one stage; it is committed when this returns."""
        self._moved = False
        self._applier.run_stage(self._session, self._target, stage, position, progress)
        self._moved = True

    def run_at_once(self, stage: Stage, schema: str) -> Position | None:
        """Run a stage without looking first; where it stands then, or None where it did not begin.

        Args:
            schema: where the tables are, if this database is like those before it.

        Raises:
            psycopg.Error: the connection was lost; it may have come through.
        """
        self._aim(schema)
        try:
            heads = self._applier.run_at_once(self._session, self._target, stage)
        except (psycopg.Error, TenancyError) as error:
            self._aim("")
            if is_lost(error):
                raise
            return None
        self._moved = True
        return Position(tuple(sorted(heads)))

    def fingerprint(self) -> str | None:
        """A hash of its structure, or None while somebody keeps a part of it locked."""
        locked: set[str] = set()
        schema = self._target.schema
        found = dict(read_structures(self._session.raw, [schema], locked))
        return None if locked else fingerprint(found.get(schema, {}))

    def locate(self, stage: Stage, position: Position) -> tuple[Move, str] | None:
        """The statement at which a replayed stage fails; changes nothing.

        Raises:
            psycopg.Error: the connection was lost meanwhile.
        """
        return self._applier.locate(self._session, self._target, stage, position)

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        self._session.cancel()

    def close(self) -> None:
        """Close its connection."""
        self._session.close()

    def _read(self) -> Position:
        """Its position; the schema it works in is looked up once more unless we just ran there."""
        moved, self._moved = self._moved, False
        table, version_schema = self._applier.version_place(self._target)
        if moved:
            return next(read_again(self._session.raw, [version_schema], table))
        raw = self._session.raw
        found = None
        if version_schema == self._target.schema:
            found = self._glimpsed(table) or read_here(raw, table)
        if found is not None:
            self._aim(found[0])
            return found[1]
        here = look_here(raw, table)
        if here is None:
            raise MigrationFailedError(
                f"no schema of the search path of {self._target.name} exists; create one, or set"
                " search_path of the role or the database"
            )
        schema, seen = here
        self._aim(schema)
        _, place = self._applier.version_place(self._target)
        if place != schema:
            return next(read_positions(raw, [place], table))
        if seen.kind is None:
            self._refuse_elsewhere(raw, schema, table)
        return next(read_seen(raw, [schema], {schema: seen}, table))

    def _glimpsed(self, table: str) -> Glimpse | None:
        glimpse, self._glimpse = self._glimpse, None
        return glimpse if table == USUAL_TABLE else None

    def _refuse_elsewhere(self, raw: psycopg.Connection, schema: str, table: str) -> None:
        """Alembic would find that version table, and make its tables in the first schema."""
        other = elsewhere_on_path(raw, table)
        if other is not None:
            raise MigrationFailedError(
                f"its {table} is in {other}, but its search path makes new tables in {schema};"
                f" let search_path of the role or the database begin with {other}"
            )

    def _aim(self, schema: str) -> None:
        self._target = replace(self._target, schema=schema)
        self._session.aim(self._target, recycle_after=2**31)
