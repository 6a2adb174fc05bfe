"""The gate where tenants live otherwise than in a schema each, and where they have several histories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from fastapi_tenancy import TenancyConfig, Tenant
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.migrations.given import MigrationManager
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.testing.databases import create_database, drop_database
from fleet import BOOKS, Clock, Fleet, gate, refusal
from several import ini, located, revision, scripts

ACME, BOLT, COIL = (Tenant(id=str(n), identifier=i) for n, i in enumerate(("acme", "bolt", "coil")))


async def upgrade(
    config: TenancyConfig, revision: str, *tenants: Tenant, create: bool = True
) -> None:
    """Upgrade tenants wherever the settings say they live."""
    manager = MigrationManager("alembic.ini", open_isolation(config))
    found = await manager.upgrade_all_tenants(tenants, revision, create=create)
    assert not found["failures"]


async def test_databases_of_their_own(fleet: Fleet) -> None:
    urls = [create_database(fleet.url) for _ in range(2)]
    one, two = (Tenant(id=f"d{n}", identifier=f"d{n}", database_url=u) for n, u in enumerate(urls))
    given: dict[str, Any] = {"isolation_strategy": "database"}
    try:
        await upgrade(fleet.config(**given), "t3", one)
        await upgrade(fleet.config(**given), "t2", two)
        async with gate(fleet, Clock(), when_behind="refuse", **given) as watched:
            assert not await refusal(watched, one)
            assert "it stands at t2" in await refusal(watched, two)
            assert "its schema or database does not exist" in await refusal(watched, ACME)
            assert not await refusal(watched, one)
    finally:
        for url in urls:
            drop_database(url)


async def test_shared_tables_are_looked_at_once_for_all(fleet: Fleet) -> None:
    given = {"isolation_strategy": "rls"}
    await upgrade(fleet.config(**given), "t3", ACME)
    async with gate(fleet, Clock(), when_behind="refuse", **given) as watched:
        assert not await refusal(watched, ACME)
        fleet.set_position("public", "t1")
        assert not await refusal(watched, BOLT)  # where acme is, bolt is too
    async with gate(fleet, Clock(), when_behind="refuse", **given) as watched:
        assert "it stands at t1" in await refusal(watched, BOLT)


async def test_a_hybrid_fleet(fleet: Fleet) -> None:
    url = create_database(fleet.url)
    premium = Tenant(id="p", identifier="p", database_url=url)
    given: dict[str, Any] = {"isolation_strategy": "hybrid", "premium_tenants": ("p",)}
    try:
        await upgrade(fleet.config(**given), "t3", premium)
        await upgrade(fleet.config(**given), "t1", ACME)
        async with gate(fleet, Clock(), when_behind="refuse", **given) as watched:
            assert not await refusal(watched, premium)
            assert "it stands at t1" in await refusal(watched, ACME)
    finally:
        drop_database(url)


async def test_files(fleet: Fleet, tmp_path: Path) -> None:
    given = {
        "isolation_strategy": "database",
        "database_url": "sqlite:///shop.db",
        "when_behind": "refuse",
    }
    config = TenancyConfig(**given)
    assert isinstance(open_isolation(config), DatabaseIsolationProvider)
    await upgrade(config, "t3", ACME)
    await upgrade(config, "t2", BOLT)
    fleet.url = config.database_url
    async with gate(fleet, Clock(), **{k: v for k, v in given.items() if k != "database_url"}) as g:
        assert not await refusal(g, ACME)
        assert "it stands at t2" in await refusal(g, BOLT)
        assert "does not exist" in await refusal(g, COIL)
        assert not (tmp_path / "tenant_coil.db").exists()


def two_histories(folder: Path) -> None:
    """Books and reports: two histories of each tenant, with a version table each."""
    for name in ("books", "reports"):
        made = scripts(folder / name, f'version_table="{name}_version"')
        revision(made, f"{name}1", None, BOOKS.replace("books", name))
        revision(made, f"{name}2", f"{name}1", "pass")
    ini(folder / "alembic.ini", {n: located(n) for n in ("books", "reports")})
    (folder / "tenancy.toml").write_text(
        '[tracks.books]\nscope = "tenant"\nalembic_section = "books"\n'
        '[tracks.reports]\nscope = "tenant"\nalembic_section = "reports"\nafter = ["books"]\n'
    )


async def test_every_history_of_a_tenant_counts(fleet: Fleet) -> None:
    two_histories(fleet.folder)
    await fleet.at("head", "acme", "bolt")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("UPDATE tenant_bolt.reports_version SET version_num = 'reports1'")
    async with gate(fleet, Clock(), when_behind="refuse") as watched:
        assert not await refusal(watched, ACME)
        reason = await refusal(watched, BOLT)
    assert "it stands at reports1 of the track 'reports'" in reason
    allowed = {"when_behind": "refuse", "required_revision": "reports=reports1.."}
    async with gate(fleet, Clock(), **allowed) as watched:
        assert not await refusal(watched, BOLT)


@pytest.mark.parametrize(
    ("required", "because"),
    [
        ("shop=t1", "the track 'shop', and no track of the tenants is called so; there is books"),
        ("books=zz", "no revision 'zz'"),
        ("books1", "no revision 'books1'"),
    ],
)
async def test_a_range_of_no_history_is_refused(fleet: Fleet, required: str, because: str) -> None:
    two_histories(fleet.folder)
    with pytest.raises(ConfigurationError, match=because):
        async with gate(fleet, Clock(), required_revision=required):
            pass


async def test_tenants_without_a_history_are_refused(fleet: Fleet) -> None:
    (fleet.folder / "tenancy.toml").write_text('[tracks.all]\nscope = "shared"\n')
    with pytest.raises(ConfigurationError, match="no track is the tenants'"):
        async with gate(fleet, Clock(), when_behind="refuse"):
            pass
