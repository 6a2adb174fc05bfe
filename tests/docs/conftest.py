"""An empty folder and a fresh database for whoever follows a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs_runner import Reader
from fastapi_tenancy.testing.postgres import URL_VARIABLE


@pytest.fixture
def reader(
    tmp_path: Path,
    tenancy_postgres: str,
    tenancy_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    """Follows one page; nothing of what it imports or sets is left behind."""
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("NO_COLOR", "1")
    # Tests that a page runs share the server of this run.
    monkeypatch.setenv(URL_VARIABLE, tenancy_postgres)
    before = set(sys.modules)
    somebody = Reader(folder, tenancy_database, monkeypatch)
    yield somebody
    somebody.close()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
