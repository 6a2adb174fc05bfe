"""Who uses a cluster: file locks, which the kernel releases when a process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi_tenancy.testing.directory import ClusterDirectory


class GoneError(Exception):
    """The last user of a temporary cluster has removed it."""


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def is_current(fd: int, path: Path) -> bool:
    """True when ``path`` still leads to the file that ``fd`` is open on."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(directory: ClusterDirectory) -> Iterator[None]:
    """Be the only one to start or stop the server of ``directory``.

    Raises:
        GoneError: the directory does not exist (any more).
    """
    while True:
        try:
            fd = _open(directory.lock)
        except FileNotFoundError as error:
            raise GoneError(directory.root) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_current(fd, directory.lock):
                yield
                return
        finally:
            os.close(fd)


@dataclass(frozen=True, slots=True)
class Hold:
    """One use of a cluster: while any process has one, nobody stops the server."""

    fds: tuple[int, ...]

    @classmethod
    def take(cls, directory: ClusterDirectory) -> Hold:
        """Take a hold; only while ``locked``."""
        # Two files, because the reaper's waiting on one would make it look held to others.
        hold = cls((_open(directory.holders), _open(directory.lifeline)))
        for fd in hold.fds:
            fcntl.flock(fd, fcntl.LOCK_SH)
        return hold

    def release(self) -> None:
        """Let go, for forked children too that share the hold; only while ``locked``."""
        for fd in self.fds:
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


def wait_until_unheld(lifeline: int) -> None:
    """Wait for the last hold to go; by the time of the return there may be a new one."""
    fcntl.flock(lifeline, fcntl.LOCK_EX)
    fcntl.flock(lifeline, fcntl.LOCK_UN)


def is_held(directory: ClusterDirectory) -> bool:
    """True when some process holds the cluster; only while ``locked``."""
    fd = _open(directory.holders)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
