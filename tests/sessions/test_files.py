"""Tenants with an SQLite file each: no file is made by looking, and none is held for ever."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator
from importlib import machinery
from pathlib import Path

import pytest
from sqlalchemy import select

from fastapi_tenancy import TenancyConfig, Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from houses import ACME, BOLT, Item


@pytest.fixture
def config(tmp_path: Path) -> TenancyConfig:
    for name in ("common", "tenant_acme", "tenant_bolt"):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.execute("CREATE TABLE items (id integer PRIMARY KEY, name text)")
            connection.execute("INSERT INTO items (name) VALUES (?)", [name])
        connection.close()
    return TenancyConfig(database_url=f"sqlite:///{tmp_path / 'common.db'}", session_engines=1)


@pytest.fixture
async def sessions(config: TenancyConfig) -> AsyncIterator[TenantSessions]:
    made = TenantSessions(DatabaseIsolationProvider(config))
    yield made
    await made.close()


async def test_each_tenant_has_its_file(sessions: TenantSessions):
    async with sessions.session(ACME) as acme, sessions.session(BOLT) as bolt:
        acme.add(Item(name="anvil"))
        await acme.commit()
        assert list(await acme.scalars(select(Item.name))) == ["tenant_acme", "anvil"]
        assert list(await bolt.scalars(select(Item.name))) == ["tenant_bolt"]
    async with sessions.common() as session:
        assert list(await session.scalars(select(Item.name))) == ["common"]
    await sessions.check()
    await sessions.forget(ACME)


async def test_what_is_not_committed_is_rolled_back(sessions: TenantSessions):
    async with sessions.session(ACME) as session:
        session.add(Item(name="anvil"))
        await session.flush()
    async with sessions.session(ACME) as session:
        assert list(await session.scalars(select(Item.name))) == ["tenant_acme"]


async def test_a_file_that_is_missing_is_not_made(sessions: TenantSessions, tmp_path: Path):
    crux = Tenant(id="3", identifier="crux")
    with pytest.raises(PlacementError, match=r"'crux' has no file .*tenant_crux\.db.*--create"):
        async with sessions.session(crux):
            pass
    assert not (tmp_path / "tenant_crux.db").exists()


async def test_the_driver_is_named_where_it_is_missing(
    sessions: TenantSessions, monkeypatch: pytest.MonkeyPatch
):
    find = machinery.PathFinder.find_spec

    def without(name: str, *arguments: object) -> object:
        return None if name == "aiosqlite" else find(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(machinery.PathFinder, "find_spec", without)
    monkeypatch.delitem(sys.modules, "aiosqlite", raising=False)
    with pytest.raises(ConfigurationError, match="pip install aiosqlite"):
        async with sessions.session(ACME):
            pass
