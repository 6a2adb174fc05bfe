"""Several PostgreSQL servers, and addresses at which nobody answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_desk import Desk
from fastapi_tenancy.testing.accounts import server_account, temporary_place
from fastapi_tenancy.testing.databases import create_database, drop_database
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres
from several_servers import SMALL, Fleet


@pytest.fixture(scope="session")
def second_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another server than ``tenancy_postgres``, the same one for all workers of a run."""
    worker: dict[str, str] | None = getattr(request.config, "workerinput", None)
    shared = None
    if worker is not None:
        shared = temporary_place(server_account()) / f"tenancy-pg2-{worker['testrunuid']}"
    with EmbeddedPostgres(shared, settings=FAST_SETTINGS, ephemeral=True) as server:
        yield server.url()


@pytest.fixture
def other_database(second_server: str) -> Iterator[str]:
    """A database of this test's own on that server."""
    url = create_database(second_server)
    yield url
    drop_database(url)


@pytest.fixture
def closed() -> Iterator[str]:
    """An address whose connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there
        yield f"postgresql://u:hush@127.0.0.1:{taken.getsockname()[1]}/shop"


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    """An address that takes connections and never says a word, and the socket they arrive at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        yield f"postgresql://u:hush@127.0.0.1:{listening.getsockname()[1]}/shop", listening


@pytest.fixture
def fleet(tmp_path: Path, tenancy_database: str, other_database: str) -> Fleet:
    """A project with three revisions, and the shards eu and us, a server each; nobody lives there."""
    desk = Desk.furnished(tmp_path / "project", tenancy_database)
    return Fleet(desk, {"eu": tenancy_database, "us": other_database})


@pytest.fixture
def third() -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A small server of this test's own, and a database on it."""
    with EmbeddedPostgres(settings=FAST_SETTINGS, max_connections=SMALL) as server:
        yield server, create_database(server.url())
