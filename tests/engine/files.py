"""A folder of SQLite files, migrated by the engine and by plain Alembic."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.status import read_standings
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.results import TenantResult, results_of
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation
from project import Project

ENVIRONMENT = """\
from alembic import context
from sqlalchemy import NullPool, create_engine

url = context.get_x_argument(as_dictionary=True)["url"]
engine = create_engine(url, poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@contextmanager
def strict() -> Iterator[None]:
    """Foreign keys are enforced, by what the SQLAlchemy documentation tells projects to do."""

    def enforce(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA foreign_keys = ON")

    sa.event.listen(sa.Engine, "connect", enforce)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", enforce)


def tenant(name: str, **given: Any) -> Tenant:
    """A tenant with a name."""
    return Tenant(id=f"id-{name}", identifier=name, **given)


@dataclass
class Folder:
    """Files of tenants; the project's own are elsewhere."""

    root: Path
    project: Project

    @property
    def config(self) -> TenancyConfig:
        """Each tenant in a file named like it."""
        return TenancyConfig(
            database_url=DatabaseUrl(f"sqlite:///{self.root}/common.db"),
            database_url_template=DatabaseUrl(f"sqlite:///{self.root}/{{identifier}}.db"),
            isolation_strategy=IsolationStrategy.DATABASE,
        )

    def write_environment(self, engine: str) -> None:
        """Give env.py another way to make its engine."""
        made = "engine = create_engine(url, poolclass=NullPool)\n"
        text = ENVIRONMENT.replace(made, engine)
        (self.project.root / "scripts" / "env.py").write_text(text)

    def file(self, name: str) -> Path:
        """The file of a tenant."""
        return self.root / f"{name}.db"

    def make(self, *names: str, wal: bool = False) -> list[Tenant]:
        """Empty databases."""
        for name in names:
            with closing(sqlite3.connect(self.file(name))) as connection:
                connection.execute(f"PRAGMA journal_mode = {'wal' if wal else 'delete'}")
                connection.execute("VACUUM")
        return [tenant(name) for name in names]

    def run(self, fleet: list[Tenant], *asked: Any, **given: Any) -> dict[str, TenantResult]:
        """As ``report``, of roads that all led where they should; the result of each tenant."""
        report = self.report(fleet, *asked, **given)
        assert not report.differences
        return {r["identifier"]: r for o in report.outcomes for r in results_of(o)}

    def report(
        self,
        fleet: list[Tenant],
        command: Command = Command.UPGRADE,
        revision: str = "",
        *,
        listener: Listener = silent,
        stop: Stop | None = None,
        **given: Any,
    ) -> Report:
        """Run the engine."""
        wanted = revision or ("-1" if command is Command.DOWNGRADE else "head")
        options = RunOptions(**{"command": command, "revision": wanted, "concurrency": 3, **given})
        run = FleetRun(
            History(self.project.ini),
            open_isolation(self.config),
            options,
            listener=listener,
            stop=stop,
        )
        return run.execute(lambda: fleet)

    def positions(self, fleet: list[Tenant]) -> dict[str, Position]:
        """Where each tenant stands."""
        standings = read_standings(
            History(self.project.ini), open_isolation(self.config), RunOptions(), fleet
        )
        return {s.target.tenant.identifier: s.position for s in standings}

    def plain(self, *names: str, command: str = "upgrade", revision: str = "head") -> list[Any]:
        """Take the road of plain Alembic; the error of each, or None."""
        return [
            error
            for name in names
            for error in self.project.plain(
                [name], revision, command, url=f"sqlite:///{self.file(name)}"
            )
        ]

    def rows(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with closing(sqlite3.connect(self.file(name))) as connection:
            return connection.execute(sql).fetchall()

    def write(self, name: str, sql: str) -> None:
        """Change a file as an application would."""
        with closing(sqlite3.connect(self.file(name))) as connection, connection:
            connection.execute(sql)

    def dump(self, name: str) -> list[str]:
        """The whole content as SQL."""
        with closing(sqlite3.connect(self.file(name))) as connection:
            return list(connection.iterdump())

    def left(self) -> list[str]:
        """Files that are no database of a tenant."""
        return sorted(p.name for p in self.root.iterdir() if p.suffix != ".db")
