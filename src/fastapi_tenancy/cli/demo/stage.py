"""The stage of the demo: its project, its catalogue, and tenants put where they start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastapi_tenancy.cli.demo.cast import NEW, SEEDED, STARTS, Player
from fastapi_tenancy.cli.demo.interrupt import Interrupts
from fastapi_tenancy.cli.demo.rows import insert_rows
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.migrations.fleet import Fleet, in_own_loop
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

PROJECT = Path(__file__).with_name("project")
_URL_LINE = "# sqlalchemy.url = postgresql://user:password@host/database"


def copy_project(folder: Path, url: str) -> Path:
    """Copy the example project and write the database into its alembic.ini."""
    project = folder / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    ini = project / "alembic.ini"
    text = ini.read_text(encoding="utf-8")
    line = "sqlalchemy.url = " + url.replace("%", "%%")
    ini.write_text(text.replace(_URL_LINE, line), encoding="utf-8")
    return project


def open_fleet(
    project: Path, url: DatabaseUrl, catalogue: DatabaseUrl, players: Iterable[Player]
) -> Fleet:
    """Write tenants into a catalogue and return the fleet they make."""
    store = SQLAlchemyTenantStore(catalogue)

    async def fill() -> None:
        await store.initialize()
        for player in players:
            await store.create(player.tenant)
        await store.close()

    asyncio.run(fill())
    # Constructed as it is: settings of the directory the demo is called in are not the demo's.
    config = TenancyConfig.model_construct(
        database_url=url, catalogue_url=catalogue, alembic_ini=project / "alembic.ini"
    )
    isolation = SchemaIsolationProvider(config)
    return Fleet(config, in_own_loop(store, isolation), isolation)


def put_at_start(
    fleet: Fleet, players: Sequence[Player], address: str, interrupts: Interrupts
) -> None:
    """Bring tenants to the revisions they start at, with rows in the tables of the first one.

    Raises:
        MigrationFailedError: one of them did not get there.
    """
    old = [p for p in players if p.start != NEW]
    _upgrade(fleet, old, SEEDED, interrupts)
    insert_rows(address, [schema_of(p) for p in old])
    for start in STARTS:
        if start not in (NEW, SEEDED):
            _upgrade(fleet, [p for p in old if p.start == start], start, interrupts)


@contextmanager
def not_waiting_for_the_disk(address: str) -> Iterator[None]:
    """Let commits in the database of ``address`` not wait for the disk inside this block."""
    with connect(address, timeout_s=10) as connection:
        database = quote(connection.info.dbname)
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit TO off".encode())
    yield
    with connect(address, timeout_s=10) as connection:
        connection.execute(f"ALTER DATABASE {database} RESET synchronous_commit".encode())


def schema_of(player: Player) -> str:
    """The schema a player lives in."""
    return str(player.tenant.schema_name)


def create_schemas(address: str, schemas: Iterable[str]) -> None:
    """Create schemas that are not there yet."""
    with connect(address, timeout_s=10) as connection:
        for schema in schemas:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}".encode())


def drop_schemas(address: str, schemas: Iterable[str]) -> None:
    """Drop schemas with all that is in them."""
    with connect(address, timeout_s=10) as connection:
        for schema in schemas:
            connection.execute(f"DROP SCHEMA IF EXISTS {quote(schema)} CASCADE".encode())


def _upgrade(
    fleet: Fleet, players: Sequence[Player], revision: str, interrupts: Interrupts
) -> None:
    if not players:
        return  # an empty selection would mean everybody
    options = fleet.options(Command.UPGRADE, revision, create=True)
    chosen = Selection(identifiers=frozenset(p.tenant.identifier for p in players))
    report = interrupts.run(fleet, options, chosen)
    for failure in report.failures():
        raise MigrationFailedError(
            f"the demo could not be prepared: {failure.target.schema}: {failure.error}"
        )
