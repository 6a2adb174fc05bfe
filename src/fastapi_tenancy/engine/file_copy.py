"""A copy of a file to work on, put back in one transaction: the file itself is the backup."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fastapi_tenancy.errors import MigrationFailedError

SUFFIX = ".tenancy-copy"
_SIBLINGS = ("", "-journal", "-wal", "-shm")
BUSY = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED (https://www.sqlite.org/rescode.html)."""

Opened = Callable[[], sqlite3.Connection]
Guard = Callable[[sqlite3.Connection], None]


class WrittenMeanwhileError(Exception):
    """Another connection has written into the file since it was copied."""


def copy_of(file: Path) -> Path:
    """Where the copy of a file lies: beside it."""
    return file.with_name(file.name + SUFFIX)


def remove_copy(file: Path) -> None:
    """Remove the copy that an interrupted run left; the lock of the file has to be held."""
    for sibling in _SIBLINGS:
        (file.parent / (copy_of(file).name + sibling)).unlink(missing_ok=True)


@contextmanager
def worked_copy(
    file: Path, opened: Opened, guard: Callable[[sqlite3.Connection], None]
) -> Iterator[Path]:
    """Yield a copy; when the block ends well, it takes the place of what is in the file.

    Nobody else writes into the file meanwhile, and whoever reads sees it as it was.

    Args:
        opened: opens the file.
        guard: called with the lock held; what it raises ends the work.

    Raises:
        WrittenMeanwhileError: somebody wrote between the work and its end; nothing was changed.
        sqlite3.Error: the copy could not be made or put back; nothing was changed.
    """
    with closing(opened()) as held:
        mode = _mode(held)
        held.execute("BEGIN IMMEDIATE")
        try:
            guard(held)
            # With a write-ahead log the lock ends with each transaction: writes are watched for.
            if mode != "wal":
                held.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            with closing(opened()) as watcher, _copied(watcher, file, mode) as copy:
                seen = _version(watcher)
                yield copy
                held.execute("ROLLBACK")
                _put_back(copy, held, watcher if mode == "wal" else None, seen)
                watcher.close()
                _switch(held, copy, mode)
        finally:
            if held.in_transaction:
                held.execute("ROLLBACK")


@contextmanager
def _copied(reader: sqlite3.Connection, file: Path, mode: str) -> Iterator[Path]:
    remove_copy(file)
    copy = copy_of(file)
    try:
        with closing(sqlite3.connect(copy)) as made:
            reader.backup(made)
            made.execute(f"PRAGMA journal_mode = {mode}").fetchall()
        yield copy
    finally:
        remove_copy(file)


def _put_back(
    copy: Path, held: sqlite3.Connection, watcher: sqlite3.Connection | None, seen: int
) -> None:
    deadline = time.monotonic() + _timeout(held)
    unseen = watcher

    def progress(status: int, _remaining: int, _total: int) -> None:
        nonlocal unseen
        if status in BUSY and time.monotonic() > deadline:
            raise MigrationFailedError("another process keeps the file locked; run again")
        if status not in BUSY and unseen is not None:
            if _version(unseen) != seen:
                raise WrittenMeanwhileError
            unseen = None

    with closing(sqlite3.connect(copy)) as made:
        # Page by page: after the first one the lock is ours again, and nothing is written yet.
        made.backup(held, pages=1, progress=progress, sleep=0.05)


def _switch(held: sqlite3.Connection, copy: Path, mode: str) -> None:
    """Give the file the journal that a revision chose, which is no part of its pages."""
    with closing(sqlite3.connect(copy)) as made:
        chosen = _mode(made)
    if chosen != mode:
        held.execute("PRAGMA locking_mode = NORMAL").fetchall()
        held.execute(f"PRAGMA journal_mode = {chosen}").fetchall()


def _mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _timeout(connection: sqlite3.Connection) -> float:
    return int(connection.execute("PRAGMA busy_timeout").fetchone()[0]) / 1000
