"""A project whose tenants are made of a baseline, and by plain Alembic in another database."""

from __future__ import annotations

from pathlib import Path

import psycopg

from fastapi_tenancy import SQLAlchemyTenantStore, TenancyConfig, Tenant, TenantStatus
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.event import Event, TargetFinished
from fastapi_tenancy.provision.creating import baselines_of, create_tenant
from fastapi_tenancy.testing.databases import create_database, drop_database
from project import Project, Reference
from snapshot import snapshot

ROOT = """
op.create_table(
    "roles", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40)))
op.bulk_insert(
    sa.table("roles", sa.column("name", sa.String)), [{"name": "it's"}, {"name": "50% \\\\ :x"}])
"""


class Arena:
    """A project, a database for our tenants, one for plain Alembic's, and a list of tenants."""

    def __init__(self, folder: Path, server: str, reference: Reference) -> None:
        self.lists = create_database(server)
        self.url = create_database(server)
        self.copy = create_database(server)
        self.project = Project(folder / "project", self.url, reference)
        self.told: list[Event] = []

    def history(self, *bodies: str, top: str = "") -> None:
        """Write the revisions, one after the other."""
        for body in bodies:
            count = len(self.project.revisions)
            down = self.project.revisions[-1] if count else None
            self.project.revision(f"r{count:02}", down, body.replace("@", str(count)), top=top)

    def isolation(self) -> IsolationProvider:
        """Where tenants live."""
        ini = str(self.project.ini)
        return SchemaIsolationProvider(TenancyConfig(database_url=self.url, alembic_ini=ini))

    async def create(self, *names: str, isolation: IsolationProvider | None = None) -> list[str]:
        """Create tenants and give the roads they took."""
        isolation = isolation or self.isolation()
        store = SQLAlchemyTenantStore(self.lists)
        await store.initialize()
        self.told.clear()
        try:
            baselines = baselines_of(store, isolation)
            for name in names:
                made = await create_tenant(
                    Tenant(id=name, identifier=name, schema_name=name),
                    store=store,
                    isolation=isolation,
                    listener=self.told.append,
                    baselines=baselines,
                )
                assert made.status is TenantStatus.ACTIVE
        finally:
            await store.close()
        return [e.outcome.road for e in self.told if isinstance(e, TargetFinished)]

    def plain(self, *names: str) -> None:
        """Make the same tenants by plain Alembic, in the other database."""
        with psycopg.connect(self.copy, autocommit=True) as connection:
            for name in names:
                connection.execute(f"CREATE SCHEMA {quote(name)}".encode())
        assert set(self.project.plain(names, "heads", url=self.copy)) == {None}

    def require_same(self) -> None:
        """Both databases hold the same."""
        mine, theirs = snapshot(self.url), snapshot(self.copy)
        assert mine.structures == theirs.structures
        assert mine.rows == theirs.rows
        assert mine.sequences == theirs.sequences
        assert mine.dump == theirs.dump

    def close(self) -> None:
        """Drop the databases."""
        for url in (self.lists, self.url, self.copy):
            drop_database(url)
