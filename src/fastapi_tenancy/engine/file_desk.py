"""One open SQLite file: looked at, moved a stage at a time, closed."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import cast

from sqlalchemy import Connection, NullPool, create_engine

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.file_attempt import Attempts, LeftError, Lent
from fastapi_tenancy.engine.file_copy import (
    WrittenMeanwhileError,
    copy_of,
    remove_copy,
    worked_copy,
)
from fastapi_tenancy.engine.file_replay import FileReplayer
from fastapi_tenancy.engine.file_steps import run_steps
from fastapi_tenancy.engine.file_trial import LARGEST, Trial, UntriedError
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.stop import ABORTED
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.history.pragmas import read_pragmas, tell_pragmas
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import MISSING, Position, PositionState, Target
from fastapi_tenancy.observe.files import (
    existing,
    make_file,
    open_file,
    read_file_position,
    read_file_structure,
)
from fastapi_tenancy.observe.structure import fingerprint

ROUNDS = 5
"""How often a stage on a copy is begun again because somebody wrote into the file meanwhile."""


class MovedError(Exception):
    """Another runner has moved the file since its position was read."""


class FileDesk:
    """One SQLite file; the connection it is read over holds no lock between two looks."""

    def __init__(
        self,
        project: Project,
        target: Target,
        timeout_s: float,
        attempts: Attempts,
        replayer: FileReplayer,
        leaving: set[tuple[str, bool]],
        aborted: threading.Event,
    ) -> None:
        """Args:
        timeout_s: how long a lock on the file is waited for.
        leaving: moves that need a copy, as another file has shown; takes more of them.
        aborted: once it is set, nothing is begun any more.
        """
        self._project = project
        self._target = target
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._replayer = replayer
        self._leaving = leaving
        self._aborted = aborted
        self._file = existing(target.address)
        self._busy: sqlite3.Connection | None = None
        self._lending = ExitStack()
        self._lent: Lent | None = None
        self._pragmas: Mapping[str, int] = project.environment.pragmas
        self._opened: sqlite3.Connection | None = None

    @property
    def target(self) -> Target:
        """The target."""
        return self._target

    def position(self) -> Position:
        """Where it stands, read now."""
        if not self._file.exists():
            return MISSING
        return self._read(self._reader())

    def create(self) -> None:
        """Make the file that is missing, and the folder it lies in."""
        make_file(self._file)

    def run(self, stage: Stage, position: Position, progress: Progress) -> None:  # noqa: ARG002
        """Run one stage; it is committed when this returns, or nothing of it is."""
        self._require_going_on()
        progress.stage, progress.move = stage, None
        progress.roads |= {c.step.road.value for c in stage.steps}
        move = stage.steps[0].step.move
        key = (move.revision, move.upgrade)
        if key not in self._leaving:
            if self._inside(stage, progress):
                return
            progress.statement = None
            self._leaving.add(key)
        for _ in range(ROUNDS):
            progress.move = None
            try:
                self._aside(stage, progress)
            except WrittenMeanwhileError:
                continue
            return
        raise MigrationFailedError(
            "the application kept writing into the file while it was migrated; stop it, run again"
        )

    def replayed_otherwise(self, stages: tuple[Stage, ...]) -> str | None:
        """How a replay differs from what Alembic does, tried on copies of the file; or None.

        Raises:
            LeftError: a stage leaves its transaction, which no replay does.
            UntriedError: it cannot be told from this file.
        """
        if self._file.stat().st_size > LARGEST:
            raise UntriedError
        trial = Trial(self._project, self._replayer, self._attempts, self._busied)
        try:
            return trial.difference(self._reader(), self._target, stages)
        finally:
            self._busy = None
            self._require_going_on()

    def _busied(self, connection: sqlite3.Connection) -> None:
        self._busy = connection
        self._require_going_on()

    def _require_going_on(self) -> None:
        if self._aborted.is_set():
            raise MigrationFailedError(ABORTED)

    def fingerprint(self) -> str | None:
        """A hash of its structure, or None while somebody keeps it locked."""
        try:
            found = read_file_structure(self._reader())
        except sqlite3.Error:
            return None
        return fingerprint(found)

    def locate(self, stage: Stage, position: Position) -> tuple[Move, str] | None:  # noqa: ARG002
        """None: what runs live knows its statement."""
        return None

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        busy = self._busy
        if busy is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):  # it was closed a moment ago
                busy.interrupt()

    def close(self) -> None:
        """Close what it was read and worked on over; whoever goes on opens it again."""
        self._lent = None
        self._lending.close()
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _reader(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _inside(self, stage: Stage, progress: Progress) -> bool:
        """Run a stage in one transaction of the file; False when it has to leave it."""
        connection, attempt = self._session()
        self._busied(attempt.raw)

        def begin(raw: sqlite3.Connection) -> None:
            self._begin(raw, stage)

        try:
            if stage.live:
                self._run(connection, stage, progress, attempt.revision(begin), whole=True)
            else:
                self._replayer.run(attempt, self._target, stage, progress, begin)
        except LeftError:
            return False
        finally:
            self._busy = None
        return True

    def _session(self) -> Lent:
        """The connection that the stages of this file share: one revision may rely on another."""
        if self._lent is None:
            opened = self._attempts.connection(self._open, self._pragmas)
            self._lent = self._lending.enter_context(opened)
        return self._lent

    def _begin(self, raw: sqlite3.Connection, stage: Stage) -> None:
        self._guard(raw, stage)
        if copy_of(self._file).exists():
            remove_copy(self._file)

    def _aside(self, stage: Stage, progress: Progress) -> None:
        """Run a stage on a copy of the file, as Alembic would, and put it back at once."""
        self.close()  # a journal can only be changed where nobody else is connected
        with worked_copy(self._file, self._open, lambda raw: self._guard(raw, stage)) as copy:
            engine = create_engine(
                "sqlite://",
                creator=lambda: sqlite3.connect(copy, check_same_thread=False),
                poolclass=NullPool,
            )
            try:
                with engine.connect() as connection:
                    raw = cast(sqlite3.Connection, connection.connection.driver_connection)
                    tell_pragmas(raw, self._pragmas)
                    self._busied(raw)
                    self._run(connection, stage, progress, nullcontext(), whole=False)
                    pragmas = read_pragmas(raw)
            finally:
                self._busy = None
                engine.dispose()
        self._pragmas = pragmas  # for the revisions to come

    def _run(
        self,
        connection: Connection,
        stage: Stage,
        progress: Progress,
        during: AbstractContextManager[None],
        *,
        whole: bool,
    ) -> None:
        run_steps(
            self._project, connection, self._target, stage, progress, whole=whole, during=during
        )

    def _guard(self, raw: sqlite3.Connection, stage: Stage) -> None:
        position = self._read(raw)
        if position.state is PositionState.UNREADABLE:
            raise MigrationFailedError(position.problem)
        if position.heads != stage.before:
            raise MovedError

    def _read(self, connection: sqlite3.Connection) -> Position:
        return read_file_position(connection, self._project.environment.version_table, self._file)

    def _open(self) -> sqlite3.Connection:
        return open_file(self._target.address, self._timeout_s)
