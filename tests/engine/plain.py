"""The process that runs plain Alembic, for the conftest.py of whoever compares with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from project import Reference


@pytest.fixture(scope="session")
def reference() -> Iterator[Reference]:
    process = Reference()
    yield process
    process.close()
