"""A small fleet, its scripts, and applications that serve it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from fastapi import FastAPI, WebSocket

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    TenantDep,
    TenantMigrationManager,
)
from fastapi_tenancy.errors import RevisionNotServedError
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.revisions.gate import RevisionGate
from fastapi_tenancy.revisions.looking import Looker
from fastapi_tenancy.revisions.opening import open_judges
from fastapi_tenancy.revisions.reading import Positions
from several import ini, located, revision, scripts

BOOKS = 'op.create_table("books", sa.Column("id", sa.Integer, primary_key=True))'
TITLES = 'op.add_column("books", sa.Column("title", sa.Text))'
PAGES = 'op.add_column("books", sa.Column("pages", sa.Integer))'
NAMES = ("acme", "bolt", "coil")


class Clock:
    """A time that goes by when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fleet:
    """Three tenants with a schema each, and three revisions: t1, t2, t3."""

    folder: Path
    url: str
    store: SQLAlchemyTenantStore

    @property
    def versions(self) -> Path:
        """The folder of the scripts."""
        return self.folder / "migrations"

    def config(self, **given: Any) -> TenancyConfig:
        """Settings of the application."""
        return TenancyConfig(database_url=self.url, **given)

    def migrator(self, **given: Any) -> TenantMigrationManager:
        """What an operator migrates with."""
        return TenantMigrationManager(self.config(**given), self.store)

    async def at(self, revision: str, *identifiers: str, **given: Any) -> None:
        """Bring these tenants, or all of them, to a revision."""
        for identifier in identifiers or NAMES:
            tenant = await self.store.get_by_identifier(identifier)
            await self.migrator(**given).upgrade_tenant(tenant, revision, create=True)

    def position(self, schema: str, table: str = "alembic_version") -> str | None:
        """The revision in a version table."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                f'SELECT version_num FROM "{schema}".{table}'.encode()
            ).fetchone()
        return None if found is None else str(found[0])

    def set_position(self, schema: str, head: str) -> None:
        """Write a revision into a version table, as some other program does."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                f'UPDATE "{schema}".alembic_version SET version_num = %s'.encode(), [head]
            )


@asynccontextmanager
async def gate(fleet: Fleet, clock: Clock, **given: Any) -> AsyncIterator[RevisionGate]:
    """The gate by itself, by a clock."""
    config = fleet.config(**given)
    looker = Looker(open_judges(config), config.connect_timeout_s)
    positions = Positions(looker)
    made = RevisionGate(config, open_isolation(config), positions, None, clock)
    try:
        yield made
    finally:
        await made.close()
        positions.close()
        looker.lines.close()


async def refusal(gate: RevisionGate, tenant: Tenant) -> str:
    """Why a tenant is not served; empty if it is."""
    try:
        await gate.admit(tenant)
    except RevisionNotServedError as error:
        return str(error)
    return ""


def history(folder: Path) -> None:
    """Write the three revisions."""
    ini(folder / "alembic.ini", {"alembic": located("migrations")})
    versions = scripts(folder / "migrations")
    revision(versions, "t1", None, BOOKS, 'op.drop_table("books")')
    revision(versions, "t2", "t1", TITLES, 'op.drop_column("books", "title")')
    revision(versions, "t3", "t2", PAGES, 'op.drop_column("books", "pages")')


def application(manager: TenancyManager, *, middleware: bool = True) -> FastAPI:
    """An application that says whose request it is, with the middleware or without."""
    app = FastAPI(lifespan=manager.create_lifespan())
    if middleware:
        app.add_middleware(TenancyMiddleware, manager=manager)

    @app.get("/whoami")
    async def whoami(tenant: TenantDep) -> str:
        return tenant.identifier

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, tenant: TenantDep) -> None:
        await websocket.accept()
        await websocket.send_text(tenant.identifier)
        await websocket.close()

    return app


def tenants() -> list[Tenant]:
    """The tenants of the fleet."""
    return [Tenant(id=str(n), identifier=name) for n, name in enumerate(NAMES)]
