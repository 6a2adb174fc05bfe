"""Builds a small Alembic project and takes it both roads: the engine's and plain Alembic's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.event import CohortStarted, Event, Warned
from fastapi_tenancy.model.outcome import Outcome, Report
from fastapi_tenancy.model.plan import Command, Road
from fastapi_tenancy.model.tenant import Tenant
from programs import Program

ODD = """
from sqlalchemy.ext.compiler import compiles
class Odd(sa.types.UserDefinedType):
    cache_ok = True
@compiles(Odd)
def odd(type_, compiler, **kw):
    return "text" if compiler.dialect.paramstyle == "named" else "integer"
"""
"""A column type, for the head of a revision, that is another one when it is rendered."""
TWO_FACED = """
class TwoFaced(sa.types.TypeDecorator):
    impl = sa.String
    cache_ok = True
    def process_bind_param(self, value, dialect):
        return "bound " + value
    def process_literal_param(self, value, dialect):
        return "literal " + value
"""
"""A column type, for the head of a revision, that says one thing bound and another as a literal."""

ENV = """
from alembic import context
import sqlalchemy as sa
{top}

x = context.get_x_argument(as_dictionary=True)
schema, url = x["schema"], x["url"].replace("postgresql://", "postgresql+psycopg://", 1)
engine = sa.create_engine(url, poolclass=sa.NullPool)
with engine.connect() as connection:
    quoted = schema.replace('"', '""')
    connection.exec_driver_sql(f'SET search_path TO "{{quoted}}", public'.replace("%", "%%"))
    connection.commit()
    connection.dialect.default_schema_name = schema
    {before}
    context.configure(connection=connection, **dict({options}))
    with context.begin_transaction():
        context.run_migrations({arguments})
"""

REVISION = '''"""{revision} of a test history."""
from alembic import context, op
import sqlalchemy as sa
{top}

revision = {revision!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade({arguments}):
{up}


def downgrade({arguments}):
{undo}
'''

ITEMS = """
op.create_table(
    "items",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
)
op.execute("INSERT INTO items (name, note) VALUES ('one', 'n1'), ('two', 'n2'), ('three', '')")
"""
"""A first revision with rows: lies often show in data only."""


class Reference:
    """The process that runs plain Alembic."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("reference.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )

    def run(self, request: Mapping[str, Any]) -> list[str | None]:
        """Carry out a request; the error of each job, or None where it succeeded."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer.strip(), "plain Alembic died"
        self._process.stdout.readline()
        found: list[str | None] = json.loads(answer)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@dataclass(frozen=True)
class Done:
    """A run of the engine: its report, everything it told, and the database it was in."""

    report: Report
    events: list[Event]
    url: str = ""

    @property
    def roads(self) -> dict[str, Road]:
        """The road of each revision, as announced."""
        started = (e for e in self.events if isinstance(e, CohortStarted))
        return {s.move.revision: s.road for e in started for s in e.steps}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each revision takes its road."""
        started = (e for e in self.events if isinstance(e, CohortStarted))
        return {s.move.revision: s.reason for e in started for s in e.steps}

    @property
    def warnings(self) -> list[str]:
        """What a person should know."""
        return [e.message for e in self.events if isinstance(e, Warned)]

    @property
    def kinds(self) -> dict[str, str]:
        """How each tenant ended."""
        return {o.target.tenant.identifier: o.kind.value for o in self.report.outcomes}

    @property
    def taken(self) -> dict[str, str]:
        """The roads each tenant took in fact."""
        return {o.target.tenant.identifier: o.road for o in self.report.outcomes}

    def outcome(self, identifier: str) -> Outcome:
        """The outcome of one tenant."""
        return next(o for o in self.report.outcomes if o.target.tenant.identifier == identifier)

    def require_success(self) -> Done:
        """Fail with the causes unless every tenant succeeded and nothing differed."""
        failed = {o.target.schema: o.error for o in self.report.outcomes if not o.success}
        assert not failed, failed
        assert not [d for d in self.report.differences if not d.settled], self.report.differences
        return self


def tenants(names: Iterable[str], **tags: str) -> list[Tenant]:
    """Tenants whose schema bears their own name."""
    return [Tenant(id=f"id-{n}", identifier=n, schema_name=n, tags=tags) for n in names]


@dataclass
class Project:
    """An Alembic project in a folder of its own, and the database it is for."""

    root: Path
    url: str
    reference: Reference
    revisions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "scripts" / "versions").mkdir(parents=True)
        self.ini = self.root / "alembic.ini"
        self.ini.write_text(
            "[alembic]\nscript_location = %(here)s/scripts\n"
            "prepend_sys_path = %(here)s\npath_separator = os\n"
        )
        self.environment()

    def environment(
        self, options: str = "", *, top: str = "", before: str = "pass", arguments: str = ""
    ) -> None:
        """Write env.py; ``options`` are the arguments of ``context.configure``, as source."""
        text = ENV.format(
            options=options,
            top=textwrap.dedent(top),
            before=textwrap.indent(textwrap.dedent(before).strip(), "    ").strip(),
            arguments=arguments,
        )
        (self.root / "scripts" / "env.py").write_text(text)

    def revision(
        self,
        revision: str,
        down: str | tuple[str, ...] | None,
        up: str = "pass",
        undo: str = "pass",
        *,
        top: str = "",
        labels: Sequence[str] | None = None,
        depends: Sequence[str] | None = None,
        arguments: str = "",
    ) -> str:
        """Write a revision file from the source of its two functions."""
        text = REVISION.format(
            revision=revision,
            down=down,
            up=textwrap.indent(textwrap.dedent(up).strip() or "pass", "    "),
            undo=textwrap.indent(textwrap.dedent(undo).strip() or "pass", "    "),
            top=textwrap.dedent(top),
            labels=labels,
            depends=depends,
            arguments=arguments,
        )
        (self.root / "scripts" / "versions" / f"f{len(self.revisions):02}.py").write_text(text)
        self.revisions.append(revision)
        return revision

    def isolation(self) -> SchemaIsolationProvider:
        """Schemas of the project's database."""
        return SchemaIsolationProvider(TenancyConfig(database_url=self.url))

    def engine(
        self,
        options: RunOptions,
        listener: Callable[[Event], None],
        stop: Stop | None = None,
    ) -> FleetRun:
        """A run of the engine on scripts loaded anew."""
        return FleetRun(History(self.ini), self.isolation(), options, listener=listener, stop=stop)

    def run(
        self,
        fleet: Iterable[str] | Sequence[Tenant],
        revision: str = "head",
        command: Command = Command.UPGRADE,
        *,
        listener: Callable[[Event], None] | None = None,
        stop: Stop | None = None,
        **options: Any,
    ) -> Done:
        """Take the engine's road; schemas are created where they are missing."""
        events: list[Event] = []

        def listen(event: Event) -> None:
            events.append(event)
            if listener is not None:
                listener(event)

        known = [t if isinstance(t, Tenant) else tenants([t])[0] for t in fleet]
        options = {"create": True, "concurrency": 4, **options}
        asked = RunOptions(command=command, revision=revision, **options)
        return Done(self.engine(asked, listen, stop).execute(lambda: known), events, self.url)

    def plain(
        self,
        fleet: Iterable[str],
        revision: str = "head",
        command: str = "upgrade",
        *,
        url: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> list[str | None]:
        """Take plain Alembic's road, tenant by tenant; the error of each, or None."""
        return self.plain_jobs(
            [(name, command, revision) for name in fleet], url=url, environ=environ
        )

    def plain_jobs(
        self,
        jobs: Iterable[tuple[str, str, str]],
        *,
        url: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> list[str | None]:
        """Plain Alembic for (tenant, command, revision), one after the other."""
        return self.reference.run(
            {
                "ini": str(self.ini),
                "cwd": str(self.root),
                "url": url or self.url,
                "environ": dict(environ or {}),
                "jobs": [
                    {"tenant": n, "schema": n, "command": c, "revision": r} for n, c, r in jobs
                ],
            }
        )

    def process(self, fleet: Iterable[str], revision: str = "head", **options: Any) -> Program:
        """Take the engine's road in another process."""
        asked = {
            "ini": str(self.ini),
            "url": self.url,
            "fleet": list(fleet),
            "options": {"revision": revision, "concurrency": 4, **options},
        }
        return Program(Path(__file__).with_name("runner.py"), json.dumps(asked), cwd=self.root)


def ended(process: Program) -> dict[str, tuple[str, str | None]]:
    """How each tenant of a run in another process ended."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return {name: (kind, error) for name, (kind, error) in json.loads(out).items()}
