"""A connection as the engine opens it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from fastapi_tenancy.observe.connect import connect


@pytest.fixture
def connection(tenancy_database: str) -> Iterator[psycopg.Connection]:
    with connect(tenancy_database, 10) as opened:
        yield opened
