"""What a run has reported survives a crash of the server at the very next moment."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.testing.postgres import EmbeddedPostgres
from project import ITEMS, Project, Reference
from snapshot import heads, query


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="durable-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def crash(url: str) -> None:
    """End the whole server at once, without a checkpoint."""
    (row,) = query(url, "SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    pid = int(Path(str(row[0]), "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    _wait(pid)


def _wait(pid: int) -> None:
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z"):
            return
        signal.sigtimedwait([], 0.02)


@pytest.mark.slow
def test_reported_tenants_survive_a_crash(
    tmp_path: Path, folder: Path, reference: Reference
) -> None:
    lazy = {"wal_writer_delay": "10s", "bgwriter_delay": "10s", "checkpoint_timeout": "1h"}
    names = [f"t{n}" for n in range(40)]
    with EmbeddedPostgres(folder / "server", settings=lazy) as server:
        project = Project(tmp_path / "project", server.url(), reference)
        project.revision("a", None, ITEMS)
        project.run(names).require_success()
        project.revision("b", "a", 'op.add_column("items", sa.Column("n", sa.Integer))')
        done = project.run(names, engine=Engine.REPLAY).require_success()
        assert set(done.taken.values()) == {"replay"}
        crash(server.url())
    with EmbeddedPostgres(folder / "server", settings=lazy) as server:
        assert {h for name in names for h in heads(server.url(), name)} == {"b"}
