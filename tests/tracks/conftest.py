"""A desk whose project has several histories."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_desk import Desk
from cli_process import Shell
from several import shop


@pytest.fixture
def bare(tmp_path: Path, tenancy_database: str) -> Desk:
    """A folder without a project, and a database."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Desk(folder, tenancy_database, Shell(folder, {"TENANCY_DATABASE_URL": tenancy_database}))


@pytest.fixture
def desk(bare: Desk) -> Desk:
    """The shop with three tenants, none of them migrated."""
    shop(bare.folder)
    for identifier in ("acme", "bolt", "coil"):
        assert bare.run("tenants", "add", identifier).code == 0
    return bare
