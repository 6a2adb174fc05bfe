"""Whatever driver the application's URL names, the engine goes to the same place by its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation
from files import Folder, tenant
from own_databases import names
from project import Project

DRIVERS = ("asyncpg", "psycopg", "psycopg_async", "psycopg2", "")
FOLLOWS = """\
import asyncio
from alembic import context
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

url = context.get_x_argument(as_dictionary=True)["url"].replace("sqlite:", "sqlite+aiosqlite:")


def migrate(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    async with create_async_engine(url, poolclass=NullPool).connect() as connection:
        await connection.run_sync(migrate)


asyncio.run(main())
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_url_of_any_driver(
    shop: Project, databases: Callable[[], DatabaseUrl], driver: str
) -> None:
    def spelt(url: str) -> DatabaseUrl:
        plus = f"+{driver}" if driver else ""
        return DatabaseUrl(url.replace("postgresql:", f"postgresql{plus}:", 1))

    url = databases()
    config = TenancyConfig(
        database_url=spelt(shop.url), isolation_strategy=IsolationStrategy.DATABASE
    )
    fleet = [tenant("t", database_url=spelt(url))]
    run = FleetRun(History(shop.ini), open_isolation(config), RunOptions())
    assert all(o.success for o in run.execute(lambda: fleet).outcomes)
    assert names(url) == [("ONE",), ("TWO",), ("THREE",)]


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.ENV])
def test_an_async_env_py_for_files(folder: Folder, engine: Engine) -> None:
    (folder.project.root / "scripts" / "env.py").write_text(FOLLOWS)
    folder.project.revision("r1", None, 'op.create_table("a", sa.Column("id", sa.Integer))')
    fleet = folder.make("a", "b", "c", "plain")
    assert folder.plain("plain") == [None]
    assert all(r["success"] for r in folder.run(fleet[:3], engine=engine).values())
    assert {tuple(folder.dump(n)) for n in "abc"} == {tuple(folder.dump("plain"))}
