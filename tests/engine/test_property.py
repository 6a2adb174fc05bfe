"""Any history from any positions: the engine leaves what plain Alembic leaves, up and down."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.testing.databases import create_database, drop_database
from histories import KINDS, Story, stories
from project import Project, Reference
from snapshot import Snapshot, snapshot

CHOSEN = os.environ.get("TENANCY_TEST_HISTORIES")
"""CI walks a few histories that never change, a maintainer as many new ones as wanted."""
WALK = settings(
    deadline=None,
    derandomize=CHOSEN is None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FEW = {Engine.AUTO: 5, Engine.REPLAY: 2, Engine.LIVE: 2}


@pytest.mark.slow
@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE])
def test_any_history_ends_as_under_plain_alembic(
    engine: Engine, tenancy_postgres: str, reference: Reference
) -> None:
    @settings(WALK, max_examples=int(CHOSEN or FEW[engine]))
    @given(stories())
    def walk(story: Story) -> None:
        note(repr(story))
        _walk(story, engine, tenancy_postgres, reference)

    walk()


def _walk(story: Story, engine: Engine, server: str, reference: Reference) -> None:
    databases = [create_database(server)]
    path = sys.path[:]
    try:
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder) / "project", databases[0], reference)
            story.write(project)
            _start(project, story)
            databases.append(create_database(server, _name(databases[0])))
            _compare_roads(project, databases[1], story, engine)
    finally:
        sys.path[:] = path
        for url in databases:
            drop_database(url)


def _start(project: Project, story: Story) -> None:
    """Bring each tenant to where it stands, by plain Alembic."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        for name, _ in story.starts:
            connection.execute(f"CREATE SCHEMA {name}".encode())
    jobs = [
        (name, "upgrade", story.revisions[at].name) for name, at in story.starts if at is not None
    ]
    assert set(project.plain_jobs(jobs)) <= {None}


def _compare_roads(project: Project, copy: str, story: Story, engine: Engine) -> None:
    fleet = [name for name, _ in story.starts]

    def go(revision: str, command: Command) -> None:
        done = project.run(fleet, revision, command, engine=engine)
        plain = dict(
            zip(fleet, project.plain(fleet, revision, command.value, url=copy), strict=True)
        )
        failed = {o.target.schema for o in done.report.failures()}
        note(f"{command} {revision}: {done.roads} {plain}")
        assert failed == {name for name, error in plain.items() if error}, (
            {o.target.schema: o.error for o in done.report.failures()},
            plain,
        )
        assert not [d for d in done.report.differences if not d.settled]
        _same(snapshot(project.url), snapshot(copy))
        again = project.run(fleet, revision, command, engine=engine)
        if set(again.kinds.values()) != {"already there"}:
            # Alembic refuses some ways down once it stands there; then so do we.
            plain = dict(
                zip(fleet, project.plain(fleet, revision, command.value, url=copy), strict=True)
            )
            assert {n for n, k in again.kinds.items() if k == "failed"} == set(
                filter(plain.get, plain)
            )
            _same(snapshot(project.url, dump=False), snapshot(copy, dump=False))

    go("heads", Command.UPGRADE)
    if story.middle is not None:
        go(story.revisions[story.middle].name, Command.DOWNGRADE)
        go("heads", Command.UPGRADE)
    go("base", Command.DOWNGRADE)


def _same(mine: Snapshot, theirs: Snapshot) -> None:
    assert mine.rows == theirs.rows
    assert mine.structures == theirs.structures
    assert mine.sequences == theirs.sequences
    assert mine.dump == theirs.dump


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_drawn_histories_are_of_every_kind() -> None:
    """Histories that never branch or merge would prove little."""
    drawn: list[Story] = []

    @settings(WALK, max_examples=30)
    @given(stories())
    def collect(story: Story) -> None:
        drawn.append(story)

    collect()
    revisions = [r for story in drawn for r in story.revisions]
    assert all(any(r.labelled for r in story.revisions) for story in drawn)
    assert sum(len(r.down) > 1 for r in revisions) > 5
    assert sum(r.depends is not None for r in revisions) > 5
    assert len({story.starts for story in drawn}) > 5
    assert {r.kind for r in revisions} == set(KINDS)
