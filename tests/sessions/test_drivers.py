"""What a database URL says reaches the server by either driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fastapi_tenancy import SchemaIsolationProvider, TenancyConfig, Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.database import DatabaseIsolationProvider
from fastapi_tenancy.sessions.drivers import driver_for, driver_of
from houses import ACME, schema_sessions


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("", {"application_name": "fastapi-tenancy"}),
        ("&application_name=shop%20floor", {"application_name": "shop floor"}),
        ("&options=-c%20work_mem%3D7MB", {"work_mem": "7MB"}),
        ("&connect_timeout=7&keepalives=0&sslmode=disable", {}),
        ("&prepared_statement_cache_size=10&statement_cache_size=5", {}),
    ],
)
async def test_arguments_of_a_url(url: str, driver: str, arguments: str, shown: dict[str, Any]):
    sessions = schema_sessions(url + arguments, driver)
    async with sessions.session(ACME) as session:
        assert await session.scalar(text("SELECT name FROM items")) == "acme"
        for name, value in shown.items():
            assert await session.scalar(text(f"SHOW {name}")) == value
        prepared = text("SELECT count(*) FROM pg_prepared_statements")
        assert await session.scalar(prepared) == 0
    await sessions.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/db", "psycopg"),
        ("postgres://h/db", "psycopg"),
        ("postgresql+psycopg2://h/db", "psycopg"),
        ("postgresql+asyncpg://h/db", "asyncpg"),
        ("postgresql://u:+asyncpg@h/db", "psycopg"),
    ],
)
def test_the_driver_is_that_of_the_url(url: str, expected: str):
    assert driver_of(url) == expected


PLAIN, ASYNCPG = "postgresql://h/db", "postgresql+asyncpg://h/db"
BY_ASYNCPG, BY_PSYCOPG = "postgresql+asyncpg://h/{database_name}", "postgresql://h/{database_name}"


@pytest.mark.parametrize(
    ("settings", "tenant", "expected"),
    [
        ({"database_url": PLAIN, "database_url_template": BY_ASYNCPG}, {}, "asyncpg"),
        ({"database_url": ASYNCPG, "database_url_template": BY_PSYCOPG}, {}, "psycopg"),
        ({"database_url": ASYNCPG}, {}, "asyncpg"),
        ({"database_url": ASYNCPG}, {"database_url": "postgresql://h/own"}, "psycopg"),
        (
            {"shards": {"eu": {"url": PLAIN, "database_url_template": BY_ASYNCPG}}},
            {"shard": "eu"},
            "asyncpg",
        ),
        (
            {"database_url": PLAIN, "shards": {"eu": {"url": ASYNCPG}}},
            {"shard": "eu"},
            "asyncpg",
        ),
    ],
)
def test_the_driver_is_that_of_the_url_that_names_the_database(
    settings: dict[str, Any], tenant: dict[str, Any], expected: str
):
    provider = DatabaseIsolationProvider(TenancyConfig(isolation_strategy="database", **settings))
    target = provider.target(Tenant(id="1", identifier="acme", **tenant))
    assert driver_for(provider.config, target) == expected


def test_a_template_says_nothing_of_what_tenants_share():
    config = TenancyConfig(database_url=PLAIN, database_url_template=BY_ASYNCPG)
    target = SchemaIsolationProvider(config).target(ACME)
    assert driver_for(config, target) == driver_for(config) == "psycopg"


async def test_without_a_database_there_is_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    sessions = TenantSessions(SchemaIsolationProvider(TenancyConfig()))
    for opening in (lambda: sessions.session(ACME), sessions.common, lambda: sessions.engine(ACME)):
        with pytest.raises(ConfigurationError, match="no database_url"):
            opening()
