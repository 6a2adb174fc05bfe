"""The models are what the migrations make."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest
from httpx import AsyncClient


@pytest.mark.parametrize("track", ["shared", "tenants"])
def test_models_and_migrations_agree(application: ModuleType, track: str):
    done = subprocess.run(
        [sys.executable, "-m", "fastapi_tenancy", "check", "--track", track],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_permission_has_a_uuid_of_its_own(
    client: AsyncClient, companies: tuple[str, str], application: ModuleType
):
    from sqlalchemy import select

    from saas.tenant_models import Permission

    manager, found = application.manager, set()
    for name in ("acme", "bolt"):
        tenant = await manager.tenant_store.get_by_identifier(name)
        async with manager.tenant_session(tenant) as session:
            found |= set(await session.scalars(select(Permission.uuid)))
    assert len(found) == 4
