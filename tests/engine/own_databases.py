"""Tenants with databases of their own: what their project is made of, and who runs it."""

from __future__ import annotations

from typing import Any

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.results import TenantResult, results_of
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.opening import open_isolation
from project import Project
from snapshot import query

ENVIRONMENT = """\
from alembic import context
from sqlalchemy import NullPool, create_engine, text

x = context.get_x_argument(as_dictionary=True)
engine = create_engine(x.get("url", context.config.get_main_option("sqlalchemy.url")), poolclass=NullPool)
with engine.connect() as connection:
    if "schema" in x:
        connection.execute(text(f'SET search_path TO "{x["schema"]}", public'))
        connection.commit()
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
LABELS = """
op.add_column("items", sa.Column("label", sa.Text))
op.execute("UPDATE items SET label = upper(name)")
"""


def tenant(name: str, **given: Any) -> Tenant:
    """A tenant with a name."""
    return Tenant(id=f"id-{name}", identifier=name, **given)


def run(
    project: Project, fleet: list[Tenant], command: Command = Command.UPGRADE, **given: Any
) -> dict[str, TenantResult]:
    """Run the engine, with settings; the result of each tenant."""
    revision = given.pop("revision", "head" if command is Command.UPGRADE else "-1")
    create, engine = given.pop("create", False), given.pop("engine", Engine.AUTO)
    config = TenancyConfig(database_url=project.url, **given)
    options = RunOptions(
        command=command, revision=revision, create=create, engine=engine, concurrency=3
    )
    report = FleetRun(History(project.ini), open_isolation(config), options).execute(lambda: fleet)
    assert not report.differences
    return {r["identifier"]: r for o in report.outcomes for r in results_of(o)}


def names(url: str) -> list[tuple[Any, ...]]:
    """The labels that the second revision made."""
    return query(url, "SELECT label FROM public.items ORDER BY id")
