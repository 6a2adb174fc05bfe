"""A catalogue on PostgreSQL, and applications around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fastapi_tenancy import SQLAlchemyTenantStore, TenancyConfig, Tenant, TenantStatus

TENANTS = (
    Tenant(id="1", identifier="acme"),
    Tenant(id="2", identifier="bolt"),
    Tenant(id="3", identifier="idle", status=TenantStatus.SUSPENDED),
    Tenant(id="4", identifier="gone", status=TenantStatus.DELETED),
    Tenant(id="5", identifier="soon", status=TenantStatus.PROVISIONING),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def config(tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch) -> TenancyConfig:
    monkeypatch.chdir(tmp_path)
    return TenancyConfig(database_url=tenancy_database)


@pytest.fixture
async def store(tenancy_database: str) -> AsyncIterator[SQLAlchemyTenantStore]:
    """The catalogue as an operator sees it: beside the application, not in it."""
    made = SQLAlchemyTenantStore(tenancy_database)
    await made.initialize()
    await made.save_all(TENANTS)
    yield made
    await made.close()
