"""Proves the replay of files on copies of one of them: one runs live, the other is replayed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.failure import cause
from fastapi_tenancy.engine.file_attempt import Attempts, LeftError, Lent
from fastapi_tenancy.engine.file_copy import BUSY
from fastapi_tenancy.engine.file_replay import FileReplayer
from fastapi_tenancy.engine.file_steps import run_steps
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import REASON
from fastapi_tenancy.engine.written import written_otherwise
from fastapi_tenancy.model.script import Stage, all_live
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.files import read_file_structure
from fastapi_tenancy.observe.structure import told_difference

LARGEST = 64 * 2**20
"""Bytes of a file that is copied into memory, twice, to try a replay on."""


class UntriedError(Exception):
    """The file could not be migrated live either, or not be copied: it tells nothing."""


class _Copy(sqlite3.Connection):
    """A copy in memory, which would be gone if SQLAlchemy closed it between two stages."""

    def close(self) -> None:
        """Stay."""

    def end(self) -> None:
        """Free the copy."""
        super().close()


def _unless_locked(status: int, _remaining: int, _total: int) -> None:
    """Python asks again and again, for ever, while somebody keeps the file locked."""
    if status in BUSY:
        raise UntriedError


@contextmanager
def _copies(file: sqlite3.Connection) -> Iterator[tuple[_Copy, _Copy]]:
    made: list[_Copy] = []
    try:
        for _ in range(2):
            copy = sqlite3.connect(
                ":memory:", isolation_level=None, check_same_thread=False, factory=_Copy
            )
            made.append(copy)
            file.backup(copy, progress=_unless_locked)
    except sqlite3.Error as error:
        raise UntriedError from error
    else:
        yield made[0], made[1]
    finally:
        for copy in made:
            copy.end()


class Trial:
    """Runs stages on two copies of a file: live on the one, replayed on the other."""

    def __init__(
        self,
        project: Project,
        replayer: FileReplayer,
        attempts: Attempts,
        busy: Callable[[sqlite3.Connection], None],
    ) -> None:
        """Args:
        busy: told which copy is worked on.
        """
        self._project = project
        self._replayer = replayer
        self._attempts = attempts
        self._busy = busy

    def difference(
        self, file: sqlite3.Connection, target: Target, stages: tuple[Stage, ...]
    ) -> str | None:
        """How a replay of the stages differs from what Alembic makes of them, or None.

        The file itself is only read.

        Raises:
            LeftError: a stage leaves its transaction, which no replay does.
            UntriedError: it cannot be told from this file.
        """
        with _copies(file) as (one, other):
            for stage in stages:
                found = self._stage(one, other, target, stage)
                if found is not None:
                    return found
        return None

    def _stage(self, one: _Copy, other: _Copy, target: Target, stage: Stage) -> str | None:
        live = Progress()
        try:
            self._run_live(one, target, stage, live)
        except LeftError:
            raise
        except Exception as error:  # it will fail in the file too, and be told there
            raise UntriedError from error
        if stage.live:
            one.backup(other)
            return None
        difference = written_otherwise(self._project.renderer, stage, target, live)
        if difference is not None:
            return difference
        self._busy(other)
        try:
            with self._connection(other) as (_, attempt):
                self._replayer.run(attempt, target, stage, Progress(), lambda _: None)
        except Exception as error:  # it ran live
            return f"replayed for {target.name}, it fails: {cause(error)}"
        wanted, found = read_file_structure(one), read_file_structure(other)
        if wanted == found:
            return None
        return (
            f"replayed for {target.name}, its structure differs: {told_difference(wanted, found)}"
        )

    def _run_live(self, copy: _Copy, target: Target, stage: Stage, progress: Progress) -> None:
        self._busy(copy)
        with self._connection(copy) as (lent, attempt):
            run_steps(
                self._project,
                lent,
                target,
                all_live(stage, REASON),
                progress,
                whole=True,
                during=attempt.revision(lambda _: None),
                record=True,
            )

    def _connection(self, copy: _Copy) -> AbstractContextManager[Lent]:
        return self._attempts.connection(lambda: copy, self._project.environment.pragmas)
