"""A fleet whose tenants stand at several revisions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fastapi_tenancy import SQLAlchemyTenantStore
from fleet import Fleet, history, tenants


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def fleet(
    tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    """Three tenants that were never migrated."""
    monkeypatch.chdir(tmp_path)
    history(tmp_path)
    store = SQLAlchemyTenantStore(tenancy_database)
    await store.initialize()
    await store.save_all(tenants())
    yield Fleet(tmp_path, tenancy_database, store)
    await store.close()
