"""Any history, over a database or a file for each tenant: as plain Alembic leaves them."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, note, settings

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.databases import create_database, drop_database
from histories import Story, stories
from project import Project, Reference
from snapshot import snapshot
from test_property import CHOSEN, WALK

ENVIRONMENT = """\
from alembic import context
from sqlalchemy import NullPool, create_engine

url = context.get_x_argument(as_dictionary=True)["url"]
url = url.replace("postgresql://", "postgresql+psycopg://", 1)
with create_engine(url, poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration={per_migration})
    with context.begin_transaction():
        context.run_migrations()
"""
CHANCE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"
)
FEW = {Engine.AUTO: 2, Engine.LIVE: 1}
Urls = dict[str, str]


@pytest.mark.slow
@pytest.mark.parametrize("engine", FEW)
def test_any_history_over_databases(
    engine: Engine, tenancy_postgres: str, reference: Reference
) -> None:
    @contextmanager
    def made(project: Project, story: Story) -> Iterator[tuple[Urls, Urls]]:
        urls = {name: str(create_database(tenancy_postgres)) for name, _ in story.starts}
        copies: Urls = {}
        try:
            _start(project, story, urls)
            for name, url in urls.items():
                original = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
                copies[name] = str(create_database(tenancy_postgres, original))
            yield urls, copies
        finally:
            for url in (*urls.values(), *copies.values()):
                drop_database(url)

    @settings(WALK, max_examples=int(CHOSEN or FEW[engine]))
    @given(stories())
    def walk(story: Story) -> None:
        _walk(story, engine, reference, tenancy_postgres, made, snapshot)

    walk()


@pytest.mark.slow
@pytest.mark.parametrize("engine", FEW)
def test_any_history_over_files(
    engine: Engine, tenancy_postgres: str, reference: Reference
) -> None:
    @contextmanager
    def made(project: Project, story: Story) -> Iterator[tuple[Urls, Urls]]:
        files = {name: project.root / f"{name}.db" for name, _ in story.starts}
        copies = {name: project.root / f"{name}-copy.db" for name in files}
        for number, file in enumerate(files.values()):
            with closing(sqlite3.connect(file)) as connection:
                connection.execute(f"PRAGMA journal_mode = {'wal' if number % 2 else 'delete'}")
                connection.execute("VACUUM")
        urls = {name: f"sqlite:///{file}" for name, file in files.items()}
        _start(project, story, urls)
        for name, file in files.items():
            shutil.copyfile(file, copies[name])
        yield urls, {name: f"sqlite:///{file}" for name, file in copies.items()}
        assert not list(project.root.glob("*.tenancy-copy*"))

    @settings(WALK, max_examples=2 * int(CHOSEN or FEW[engine]))
    @given(stories(files=True))
    def walk(story: Story) -> None:
        _walk(story, engine, reference, tenancy_postgres, made, _dump)

    walk()


def _walk(
    story: Story,
    engine: Engine,
    reference: Reference,
    server: str,
    made: Callable[..., Any],
    seen: Callable[[str], Any],
) -> None:
    note(repr(story))
    path = sys.path[:]
    try:
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder) / "project", server, reference)
            story.write(project)
            text = ENVIRONMENT.format(per_migration=story.transaction_per_migration)
            (project.root / "scripts" / "env.py").write_text(text)
            with made(project, story) as (urls, copies):
                _compare(project, story, engine, urls, copies, seen)
    finally:
        sys.path[:] = path


def _start(project: Project, story: Story, urls: Urls) -> None:
    for name, at in story.starts:
        if at is not None:
            job = (name, "upgrade", story.revisions[at].name)
            assert project.plain_jobs([job], url=urls[name]) == [None]


def _compare(
    project: Project,
    story: Story,
    engine: Engine,
    urls: Urls,
    copies: Urls,
    seen: Callable[[str], Any],
) -> None:
    config = TenancyConfig(isolation_strategy=IsolationStrategy.DATABASE)
    fleet = [
        Tenant(id=f"id-{name}", identifier=name, database_url=DatabaseUrl(url))
        for name, url in urls.items()
    ]

    def go(revision: str, command: Command) -> None:
        options = RunOptions(command=command, revision=revision, engine=engine, concurrency=3)
        run = FleetRun(History(project.ini), DatabaseIsolationProvider(config), options)
        report = run.execute(lambda: fleet)
        plain = {
            name: project.plain([name], revision, command.value, url=url)[0]
            for name, url in copies.items()
        }
        failed = {o.target.tenant.identifier: o.error for o in report.failures()}
        assert failed.keys() == {n for n, error in plain.items() if error}, (failed, plain)
        assert not [d for d in report.differences if not d.settled]
        for name in urls:
            assert seen(urls[name]) == seen(copies[name]), (name, command, revision)

    go("heads", Command.UPGRADE)
    if story.middle is not None:
        go(story.revisions[story.middle].name, Command.DOWNGRADE)
        go("heads", Command.UPGRADE)
    go("base", Command.DOWNGRADE)


def _dump(url: str) -> list[str]:
    """The whole content of a file, chance aside."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return [CHANCE.sub("CHANCE", line) for line in connection.iterdump()]
