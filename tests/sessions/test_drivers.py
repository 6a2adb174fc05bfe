"""What a database URL says reaches the server by either driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fastapi_tenancy import SchemaIsolationProvider, TenancyConfig, TenantSessions
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.sessions.drivers import driver_of
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


async def test_without_a_database_there_is_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    sessions = TenantSessions(SchemaIsolationProvider(TenancyConfig()))
    for opening in (lambda: sessions.session(ACME), sessions.common, lambda: sessions.engine(ACME)):
        with pytest.raises(ConfigurationError, match="no database_url"):
            opening()
