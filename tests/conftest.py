"""What all tests share; ``tenancy_postgres`` and ``tenancy_database`` come from the package's own plugin."""

from __future__ import annotations

import pytest

from fastapi_tenancy.engine.env.process import WorkerProcess
from forked_workers import REAL, use_forked_workers

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True, scope="session")
def forked_workers() -> None:
    """Processes that run env.py are forks: importing everything takes longer than most tests."""
    use_forked_workers()


@pytest.fixture
def real_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that run env.py are started as users' are."""
    monkeypatch.setattr(WorkerProcess, "_started", REAL)
