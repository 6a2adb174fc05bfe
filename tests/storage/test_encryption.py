"""Database URLs of tenants are encrypted where they are kept, and keys can change."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.model.url import DatabaseUrl, SealedUrl, accepted, driver_free
from fastapi_tenancy.storage.query import QueryTenantStore
from fastapi_tenancy.storage.reencrypting import Reencrypted
from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
URL = DatabaseUrl("postgresql+asyncpg://u:p%40ss@h/acme?ssl=require")
ACME = Tenant(id="1", identifier="acme", database_url=URL)

Rows = Callable[[], dict[str, str]]


@pytest.fixture
def kept(tenancy_database: str) -> Rows:
    """Reads what the table holds of each tenant's URL."""

    def rows() -> dict[str, str]:
        with psycopg.connect(driver_free(tenancy_database)) as connection:
            return dict(connection.execute("SELECT id, database_url FROM tenants").fetchall())

    return rows


async def open_store(url: str, *keys: str) -> SQLAlchemyTenantStore:
    store = SQLAlchemyTenantStore(url, encryption_keys=keys)
    await store.initialize()
    return store


async def test_what_is_kept_is_encrypted_however_it_was_written(
    tenancy_database: str, kept: Rows
) -> None:
    store = await open_store(tenancy_database, OLD)
    assert (await store.create(ACME)).database_url == URL
    await store.save_all([replace(ACME, id="2", identifier="bolt")], [ACME])
    await store.update(replace(ACME, name="Acme"))
    await store.create(Tenant(id="3", identifier="crux"))
    found = kept()
    assert found.pop("3") is None
    for text in found.values():
        assert text.startswith("fernet:")
        assert "acme" not in text
        assert Fernet(OLD).decrypt(text.removeprefix("fernet:")).decode() == URL
    assert [t.database_url async for t in store.stream()] == [URL, URL, None]
    assert (await store.get_by_id("1")).database_url == URL
    await store.close()


async def test_plain_urls_stay_readable_until_they_are_written_again(
    tenancy_database: str, kept: Rows
) -> None:
    before = await open_store(tenancy_database)
    await before.create(ACME)
    await before.close()
    store = await open_store(tenancy_database, OLD)
    assert (await store.get_by_id("1")).database_url == URL
    assert kept() == {"1": URL}
    await store.update(ACME)
    assert kept()["1"].startswith("fernet:")
    await store.close()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ((), "of tenant 'acme' is encrypted, and encryption_keys is not set"),
        (
            (NEW, OTHER),
            r"of tenant 'acme' is encrypted, and none of the encryption_keys \(2\) fits",
        ),
    ],
)
async def test_without_its_key_a_url_can_be_kept_and_not_be_used(
    tenancy_database: str, kept: Rows, keys: tuple[str, ...], told: str
) -> None:
    writer = await open_store(tenancy_database, OLD)
    await writer.create(ACME)
    await writer.create(Tenant(id="2", identifier="bolt"))
    before = kept()
    store = await open_store(tenancy_database, *keys)
    found = await store.get_by_identifier("acme")
    assert isinstance(found.database_url, SealedUrl)
    with pytest.raises(ConfigurationError, match=told):
        accepted(found.database_url)
    assert "fernet" not in repr(found)
    assert [t.identifier for t in await store.list()] == ["acme", "bolt"]
    await store.update(replace(found, status=TenantStatus.SUSPENDED))
    await store.save_all([], [found])
    assert kept() == before
    assert (await writer.get_by_id("1")).database_url == URL
    await store.close()
    await writer.close()


async def test_a_damaged_url_is_that_of_its_tenant_alone(tenancy_database: str) -> None:
    store = await open_store(tenancy_database, OLD)
    await store.create(ACME)
    await store.create(replace(ACME, id="2", identifier="bolt"))
    with psycopg.connect(driver_free(tenancy_database), autocommit=True) as connection:
        connection.execute("UPDATE tenants SET database_url = 'fernet:gAAA\u00fc' WHERE id = '1'")
    acme, bolt = await store.list()
    assert (type(acme.database_url), bolt.database_url) == (SealedUrl, URL)
    await store.close()


async def test_keys_change_and_what_is_done_is_found_done(
    tenancy_database: str, kept: Rows
) -> None:
    plain = await open_store(tenancy_database)
    await plain.create(replace(ACME, id="0", identifier="plain"))
    await plain.create(Tenant(id="z", identifier="without"))
    old = await open_store(tenancy_database, OLD)
    await old.save_all(replace(ACME, id=f"a{n}", identifier=f"a{n}") for n in range(1100))
    lost = await open_store(tenancy_database, OTHER)
    await lost.create(replace(ACME, id="b", identifier="lost"))
    rotated = await open_store(tenancy_database, NEW, OLD)
    await rotated.update(replace(ACME, id="a5", identifier="a5"))
    times = [t.updated_at for t in await rotated.list(limit=2000)]
    assert await rotated.reencrypt() == Reencrypted(1100, 1, ("lost",))
    assert await rotated.reencrypt() == Reencrypted(0, 1101, ("lost",))
    assert [t.updated_at for t in await rotated.list(limit=2000)] == times
    new = await open_store(tenancy_database, NEW)
    urls = [t.database_url for t in await new.list(limit=2000) if t.identifier != "lost"]
    assert urls == [URL, None, *[URL] * 1100]
    with pytest.raises(ConfigurationError, match="encryption_keys is not set"):
        await plain.reencrypt()
    for store in (plain, old, lost, rotated, new):
        await store.close()


async def test_a_query_reads_what_a_catalogue_has_encrypted(tenancy_database: str) -> None:
    store = await open_store(tenancy_database, OLD)
    await store.create(ACME)
    await store.close()
    query = QueryTenantStore(
        tenancy_database,
        "SELECT identifier, database_url FROM tenants",
        encryption_keys=(NEW, OLD),
    )
    assert (await query.get_by_identifier("acme")).database_url == URL
    await query.close()


def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a Fernet key") as caught:
        SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db", encryption_keys=["geheim"])
    assert "geheim" not in str(caught.value)


def test_without_cryptography_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"pip install 'fastapi-tenancy\[encryption\]'"):
        SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db", encryption_keys=[OLD])
    SQLAlchemyTenantStore(f"sqlite:///{tmp_path}/c.db")
