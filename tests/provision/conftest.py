"""A project, its database and its list of tenants."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from arena import Arena
from fastapi_tenancy import SQLAlchemyTenantStore
from fastapi_tenancy.model.url import database_of, with_database
from fastapi_tenancy.provision.baselines import head
from fastapi_tenancy.testing.databases import drop_database
from plain import reference
from project import Reference
from shelf import Shelf

__all__ = ["reference"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def bare(tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A project without revisions."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shelf(folder, tenancy_database)


@pytest.fixture
def shelf(bare: Shelf) -> Shelf:
    return bare.books()


@pytest.fixture
async def store(tenancy_database: str) -> AsyncIterator[SQLAlchemyTenantStore]:
    made = SQLAlchemyTenantStore(tenancy_database)
    await made.initialize()
    yield made
    await made.close()


@pytest.fixture
def template(tenancy_database: str) -> Iterator[str]:
    """A template of URLs of databases; those that are made are dropped."""
    prefix = f"{database_of(tenancy_database)}_"
    yield str(with_database(tenancy_database, f"{prefix}NAME")).replace("NAME", "{identifier}")
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        made = [name for (name,) in connection.execute(query, [prefix])]
    for name in made:
        drop_database(str(with_database(tenancy_database, name)))


@pytest.fixture
def gate(tenancy_database: str) -> Iterator[psycopg.Connection]:
    """Holds the lock that a revision waits for, until it is closed."""
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        yield connection


@pytest.fixture
def arena(
    tmp_path: Path, tenancy_postgres: str, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arena]:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(head, "FEW", 1)
    made = Arena(tmp_path, tenancy_postgres, reference)
    yield made
    made.close()
