"""Where the demo plays: a server, a database, and a folder that goes away with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from fastapi_tenancy.cli.demo.interrupt import Interrupts
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.testing.accounts import server_account, temporary_place
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.postgres import (
    URL_VARIABLE,
    EmbeddedPostgres,
    create_database,
    drop_database,
)

DATABASE = "billing"
_CLEANER = '''"""Stops the server of this demo and removes the folder it stands in."""

from pathlib import Path

from {module} import remove

remove(Path(__file__).resolve().parent, {url!r})
'''


@dataclass(frozen=True, slots=True)
class Place:
    """A database, and a folder in which everything else of the demo lies."""

    url: DatabaseUrl
    folder: Path
    server: EmbeddedPostgres | None

    @property
    def cleaner(self) -> Path:
        """The script that removes a place which was kept."""
        return self.folder / "remove.py"


@contextmanager
def demo_place(interrupts: Interrupts, *, keep: bool) -> Iterator[Place]:
    """Make a place and remove it; with ``keep`` it stays, and its server runs on, unless it fails.

    The server is an embedded one, or that of ``TENANCY_TEST_DATABASE_URL``.

    Raises:
        EmbeddedPostgresError, ServerUnreachableError: there is no server to be had.
    """
    given = os.environ.get(URL_VARIABLE)
    # Cut short, an initdb leaves children that still write, and Python its probe of TMPDIR.
    interrupts.postpone()
    place = _on_given_server(given) if given else _embedded(keep=keep)
    try:
        interrupts.take_effect()
        yield place
        if keep:
            url = str(place.url) if place.server is None else None
            place.cleaner.write_text(_CLEANER.format(module=__name__, url=url))
            return
    except BaseException:
        _leave(place)
        raise
    _leave(place)


def remove(folder: Path, url: str | None) -> None:
    """Remove a place that was kept: its database, or the server that was started for it."""
    if url is not None:
        drop_database(url)
        shutil.rmtree(folder)
        return
    # Whoever leaves an ephemeral server last removes its directory too.
    with EmbeddedPostgres(folder, ephemeral=True):
        pass


def _leave(place: Place) -> None:
    if place.server is None:
        remove(place.folder, place.url)
    else:
        _close(place.server, place.folder)


def _close(server: EmbeddedPostgres, folder: Path) -> None:
    server.stop()
    if folder.exists():
        ClusterDirectory(folder).remove()


def _on_given_server(given: str) -> Place:
    url = create_database(given)
    return Place(url, Path(tempfile.mkdtemp(prefix="tenancy-demo-")), None)


def _embedded(*, keep: bool) -> Place:
    # The folder is the server's own directory: its reaper removes it even after a kill -9.
    folder = temporary_place(server_account()) / f"tenancy-demo-{uuid4().hex[:8]}"
    server = EmbeddedPostgres(folder, ephemeral=not keep)
    try:
        address = server.start()
        with connect(address, timeout_s=10) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        return Place(server.url(DATABASE), folder, server)
    except BaseException:
        _close(server, folder)
        raise
