"""A desk: a project, its database, and a shell; for the conftest.py of whoever needs one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli_desk import Desk


@pytest.fixture
def desk(tmp_path: Path, tenancy_database: str) -> Desk:
    """A project with three revisions and no tenants yet."""
    return Desk.furnished(tmp_path / "project", tenancy_database)


@pytest.fixture
def fleet(desk: Desk) -> Callable[..., Desk]:
    """The desk with tenants, at a revision."""

    def make(*identifiers: str, at: str | None = None) -> Desk:
        desk.add(*identifiers)
        if at is not None:
            done = desk.run("upgrade", at)
            assert done.code == 0, done
        return desk

    return make
