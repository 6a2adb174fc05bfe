"""Copies a PostgreSQL tree to where an unprivileged account can reach it, once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from fastapi_tenancy.errors import EmbeddedPostgresError
from fastapi_tenancy.testing.accounts import Account, open_directories

_SKIPPED = {"include", "doc", "man", "pgxs", "__pycache__"}


def is_relocatable(directory: Path) -> bool:
    """True when the programs in ``directory`` find their files relative to themselves."""
    share = directory.parent / "share"
    return any((place / "postgres.bki").exists() for place in (share, share / "postgresql"))


def copy_for(account: Account, directory: Path) -> Path:
    """Return a directory with the programs of ``directory`` that ``account`` can run.

    The copy is kept for later runs and completed when something cleaned parts of it away;
    opening the parent directories (``/root``, say) to everybody would be the alternative.

    Raises:
        EmbeddedPostgresError: no place for temporary files is open to the account.
    """
    tree, package = directory.parent, directory.parent.parent
    for place in open_directories(account):
        home = place / f"tenancy-postgres-{_stamp(directory)}"
        if not _is_ours(home):
            continue
        _copy(tree, home / package.name / tree.name)
        # Shared libraries of a repaired wheel lie beside its package; RPATH is relative.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            _copy(libraries, home / libraries.name)
        copied = home / package.name / tree.name / directory.name
        if account.can_execute(copied / "initdb"):
            return copied
    raise EmbeddedPostgresError(
        f"the account {account.name!r} cannot enter it, and there is no place"
        " for a copy among the directories for temporary files"
    )


def _stamp(directory: Path) -> str:
    """Another path or another build is another copy."""
    stat = (directory / "postgres").stat()
    facts = f"{directory} {stat.st_size} {stat.st_mtime_ns}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _is_ours(home: Path) -> bool:
    """Make ``home``; False when somebody else has put something in its place."""
    home.mkdir(mode=0o755, exist_ok=True)
    stat = home.lstat()
    return home.is_dir() and stat.st_uid == os.geteuid() and not stat.st_mode & 0o022


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    fd = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # two runs at once: the second finds everything there
        for path in _files(source):
            copy = target / path.relative_to(source)
            if not copy.exists() or copy.stat().st_size != path.stat().st_size:
                copy.parent.mkdir(parents=True, exist_ok=True)
                part = copy.with_name(f"{copy.name}.part")
                shutil.copyfile(path, part)
                part.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
                part.replace(copy)
        for made in (target, *(path for path in target.rglob("*") if path.is_dir())):
            made.chmod(0o755)
    finally:
        os.close(fd)


def _files(source: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (Path(folder, name) for name in names if not name.endswith(".a"))
