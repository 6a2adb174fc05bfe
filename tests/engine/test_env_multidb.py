"""Alembic's multidb template: a loop over databases, and revisions that are told whose turn it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import alembic
import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.errors import NotHonouredError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.event import Event, Warned
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl, sync_url
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import create_database, drop_database
from project import Project
from snapshot import query

TEMPLATE = Path(alembic.__file__).parent / "templates" / "multidb" / "env.py"
REVISION = """
revision, down_revision = {revision!r}, {down!r}
import sqlalchemy as sa
from alembic import op


def upgrade(engine_name):
    globals()["upgrade_%s" % engine_name]()


def downgrade(engine_name):
    globals()["downgrade_%s" % engine_name]()


def upgrade_one():
    op.create_table("{table}_one", sa.Column("id", sa.Integer))


def upgrade_two():
    op.create_table("{table}_two", sa.Column("id", sa.Integer))
"""


@pytest.fixture
def urls(tenancy_database: str) -> Iterator[list[DatabaseUrl]]:
    made = [create_database(tenancy_database) for _ in range(2)]
    yield made
    for url in made:
        drop_database(url)


@pytest.fixture
def multidb(project: Project, urls: list[DatabaseUrl]) -> Project:
    env = TEMPLATE.read_text()
    (project.root / "scripts" / "env.py").write_text(env)
    sections = "".join(
        f"[{name}]\nsqlalchemy.url = {str(sync_url(url)).replace('%', '%%')}\n"
        for name, url in zip(("one", "two"), urls, strict=True)
    )
    project.ini.write_text(
        f"{project.ini.read_text()}databases = one, two\n{sections}[loggers]\nkeys = root\n"
        "[handlers]\nkeys =\n[formatters]\nkeys =\n[logger_root]\nlevel = WARN\nhandlers =\n"
    )
    versions = project.root / "scripts" / "versions"
    for revision, down, table in (("r1", None, "a"), ("r2", "r1", "b")):
        text = REVISION.format(revision=revision, down=down, table=table)
        (versions / f"{revision}.py").write_text(text)
    return project


def run(
    project: Project,
    urls: list[DatabaseUrl],
    engine: Engine,
    listen: Callable[[Event], None] = lambda _: None,
) -> Report:
    config = TenancyConfig(database_url=project.url, isolation_strategy=IsolationStrategy.DATABASE)
    fleet = [Tenant(id=str(n), identifier=f"t{n}", database_url=u) for n, u in enumerate(urls)]
    options = RunOptions(engine=engine, concurrency=2)
    history, isolation = History(project.ini), open_isolation(config)
    return FleetRun(history, isolation, options, listener=listen).execute(lambda: fleet)


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.ENV])
def test_every_database_gets_its_own(
    multidb: Project, urls: list[DatabaseUrl], engine: Engine
) -> None:
    events: list[Event] = []
    report = run(multidb, urls, engine, events.append)
    assert [(o.success, o.road, o.error) for o in report.outcomes] == [(True, "env", None)] * 2
    for url, name in zip(urls, ("one", "two"), strict=True):
        found = "SELECT relname FROM pg_class WHERE relname ~ '^[ab]_' ORDER BY 1"
        assert query(url, found) == [(f"a_{name}",), (f"b_{name}",)]
    if engine is Engine.AUTO:
        (warned,) = [e.message for e in events if isinstance(e, Warned)]
        assert "engine_name= to context.run_migrations()" in warned
    again = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(multidb.ini), "upgrade", "head"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr


def test_live_says_what_it_cannot_do(multidb: Project, urls: list[DatabaseUrl]) -> None:
    with pytest.raises(NotHonouredError, match="engine_name= to"):
        run(multidb, urls, Engine.LIVE)
