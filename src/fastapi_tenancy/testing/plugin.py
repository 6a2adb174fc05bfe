"""The pytest plugin: one PostgreSQL server for a test run, a fresh database for each test.

pytest loads it in every run of everybody who has the package installed, so everything but
pytest itself is imported when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tenancy_postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a PostgreSQL server, the same one for all workers of a pytest-xdist run.

    ``TENANCY_TEST_DATABASE_URL`` names one that runs; else one is started and, by the last
    worker, stopped.
    """
    from fastapi_tenancy.testing.postgres import FAST_SETTINGS, postgres_url

    shared = _shared_directory(request.config)
    with postgres_url(data_dir=shared, settings=FAST_SETTINGS, ephemeral=True) as url:
        yield url


@pytest.fixture(scope="session")
def tenancy_template() -> str | None:
    """The name of the database that ``tenancy_database`` copies; None for an empty one.

    Override it to prepare a database once per session, with all connections to it closed.
    """
    return None


@pytest.fixture
def tenancy_database(tenancy_postgres: str, tenancy_template: str | None) -> Iterator[str]:
    """The address of a database of this test's own, dropped after it."""
    from fastapi_tenancy.testing.databases import create_database, drop_database

    url = create_database(tenancy_postgres, tenancy_template)
    try:
        yield url
    finally:
        drop_database(url)


def _shared_directory(config: pytest.Config) -> Path | None:
    """The directory all workers of this run agree on; None where there is one process only.

    Not below pytest's own temporary directory: that is closed to the account PostgreSQL
    runs as when root runs the tests.
    """
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker is None:
        return None
    from fastapi_tenancy.testing.accounts import server_account, temporary_place

    return temporary_place(server_account()) / f"tenancy-pg-{worker['testrunuid']}"
