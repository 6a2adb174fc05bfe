"""Notices that the files of a history have changed, without loading them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastapi_tenancy.history.scripts import History

Signature = tuple[tuple[str, int, int], ...]


def signature_of(history: History) -> Signature:
    """The ini file, env.py and the revisions, each with its time of change and its size."""
    return tuple(sorted(_facts(history)))


def _facts(history: History) -> Iterator[tuple[str, int, int]]:
    directory = history.directory
    folders = {Path(directory.dir)} | {Path(s.path).parent for s in directory.walk_revisions()}
    # A revision may read a file that lies beside it, or in a folder there.
    there = {path for folder in folders for path in folder.rglob("*")}
    files = {path for path in there if path.parent.name != "__pycache__" and path.is_file()}
    for path in (history.ini, *files):
        try:
            found = path.stat()
        except OSError:
            continue
        yield str(path), found.st_mtime_ns, found.st_size
