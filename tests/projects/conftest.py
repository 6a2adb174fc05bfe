"""A project made of the helper."""

from __future__ import annotations

from pathlib import Path

import pytest

from helped import Helped


@pytest.fixture
def helped(tmp_path: Path, tenancy_database: str) -> Helped:
    """A project of three revisions, with a schema per tenant and no tenants yet."""
    return Helped.made(tmp_path / "project", tenancy_database)


@pytest.fixture
def fleet(helped: Helped) -> Helped:
    """Two tenants with empty schemas."""
    helped.add("acme", "bolt")
    helped.sql("CREATE SCHEMA tenant_acme; CREATE SCHEMA tenant_bolt")
    return helped
