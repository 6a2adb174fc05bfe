"""A project, a database of its own, and plain Alembic beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import own_databases
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.databases import create_database, drop_database
from files import ENVIRONMENT, Folder
from plain import reference
from project import ITEMS, Project, Reference
from same import FLEET

__all__ = ["reference"]


@pytest.fixture
def project(
    tmp_path: Path, tenancy_database: str, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield Project(tmp_path / "project", tenancy_database, reference)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def schemas(tenancy_database: str) -> Callable[..., list[str]]:
    """Creates schemas and returns their names."""

    def create(*names: str) -> list[str]:
        with psycopg.connect(tenancy_database, autocommit=True) as connection:
            for name in names:
                connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return list(names)

    return create


@pytest.fixture
def seeded(project: Project, schemas: Callable[..., list[str]]) -> Project:
    """Five tenants with rows, at r1."""
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET).require_success()
    return project


@pytest.fixture
def copied(tenancy_database: str) -> Iterator[Callable[[], str]]:
    """Copies the test's database as it stands, schemas, rows and all."""
    made: list[str] = []

    def copy() -> str:
        name = psycopg.conninfo.conninfo_to_dict(tenancy_database)["dbname"]
        made.append(create_database(tenancy_database, str(name)))
        return made[-1]

    yield copy
    for url in made:
        drop_database(url)


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Folder:
    """A project whose tenants have SQLite files, and no file so far."""
    (project.root / "scripts" / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "files").mkdir()
    return Folder(tmp_path / "files", project)


@pytest.fixture
def shop(project: Project) -> Project:
    """Two revisions, and an env.py that follows the url it is given."""
    (project.root / "scripts" / "env.py").write_text(own_databases.ENVIRONMENT)
    project.revision("r1", None, ITEMS, 'op.drop_table("items")')
    project.revision("r2", "r1", own_databases.LABELS, 'op.drop_column("items", "label")')
    return project


@pytest.fixture
def databases(tenancy_database: str) -> Iterator[Callable[[], DatabaseUrl]]:
    """Makes databases beside the test's own; those that a run makes are dropped too."""
    made: list[str] = []

    def make() -> DatabaseUrl:
        url = create_database(tenancy_database)
        made.append(str(url))
        return url

    yield make
    for url in made:
        drop_database(url)
