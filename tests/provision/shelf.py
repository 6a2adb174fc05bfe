"""A project with two revisions of books, and what is found in its database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from fastapi_tenancy import TenancyConfig, Tenant
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.opening import open_isolation
from several import ini, located, revision, scripts

BOOKS = 'op.create_table("books", sa.Column("id", sa.Integer, primary_key=True))'
TITLES = 'op.add_column("books", sa.Column("title", sa.Text))'
WAITS = 'op.execute("SELECT pg_advisory_xact_lock(4711)")'
"""A revision that goes on once nobody holds this lock."""


class Shelf:
    """The project, its database, and the tenants' places there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        ini(folder / "alembic.ini", {"alembic": located("migrations")})
        scripts(folder / "migrations")

    def books(self) -> Shelf:
        """Write the two revisions down."""
        self.revision("b1", None, BOOKS, 'op.drop_table("books")')
        self.revision("b2", "b1", TITLES, 'op.drop_column("books", "title")')
        return self

    def revision(self, name: str, down: str | None, up: str, undo: str = "pass") -> Path:
        """Write a revision down."""
        return revision(self.folder / "migrations", name, down, up, undo)

    def isolation(self, **settings: Any) -> IsolationProvider:
        """Where tenants live under these settings."""
        return open_isolation(TenancyConfig(**{"database_url": self.url, **settings}))

    def rows(self, query: str, url: str = "") -> list[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def schemas(self) -> list[str]:
        """The schemas of tenants."""
        query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant%' ORDER BY 1"
        return [name for (name,) in self.rows(query)]

    def stands(self, schema: str, url: str = "") -> list[str]:
        """The revision of a schema."""
        query = f'SELECT version_num FROM "{schema}".alembic_version'
        return [revision for (revision,) in self.rows(query, url)]


def tenant(identifier: str = "acme", **given: Any) -> Tenant:
    """A tenant to be created."""
    return Tenant(**{"id": f"id-{identifier}", "identifier": identifier, **given})
