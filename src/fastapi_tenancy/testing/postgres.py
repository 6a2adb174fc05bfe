"""A PostgreSQL for tests, demos and benchmarks: the user's own, the system's, or the wheel's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from uuid import uuid4

from fastapi_tenancy.errors import ConfigurationError, EmbeddedPostgresError
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing import reaper
from fastapi_tenancy.testing.accounts import Account, server_account, temporary_place
from fastapi_tenancy.testing.binaries import Origin, find
from fastapi_tenancy.testing.cluster import FIXED_SETTINGS, Cluster, answers, server_url
from fastapi_tenancy.testing.databases import create_database, drop_database
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.holding import GoneError, Hold, locked

__all__ = [
    "FAST_SETTINGS",
    "URL_VARIABLE",
    "EmbeddedPostgres",
    "create_database",
    "drop_database",
    "postgres_url",
]

URL_VARIABLE = "TENANCY_TEST_DATABASE_URL"
FAST_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)
"""For tests: nothing waits for the disk, and a crash of the machine loses the cluster."""
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedPostgres:
    """A PostgreSQL server of one's own, reached through a Unix socket in a private directory.

    Without ``data_dir`` it lives in a temporary directory that is removed with it, also when this
    process is killed. With one it is kept, and started again from there. Processes that name the
    same ``data_dir`` share one server, and the last one that stops it does; the settings are those
    of whoever started it. ``ephemeral`` removes a ``data_dir`` like a temporary directory, and
    every process that shares it has to say so.

    ``prefer`` says whose programs to look for first, ``settings`` are server settings by name
    (``FAST_SETTINGS`` for tests; by default the server is as durable as PostgreSQL is).
    """

    def __init__(
        self,
        data_dir: Path | str | None = None,
        *,
        prefer: Origin = "system",
        max_connections: int = 200,
        settings: Mapping[str, str] = _NO_SETTINGS,
        ephemeral: bool | None = None,
    ) -> None:
        if fixed := sorted(FIXED_SETTINGS & settings.keys()):
            raise ConfigurationError(
                f"an embedded PostgreSQL listens on its own private socket only, so"
                f" {', '.join(fixed)} cannot be set. Leave it out of settings"
            )
        self._data_dir = None if data_dir is None else Path(data_dir).expanduser().absolute()
        self._prefer: Origin = prefer
        self._settings = {"max_connections": str(max_connections), **settings}
        self._ephemeral = data_dir is None if ephemeral is None else ephemeral
        self._directory: ClusterDirectory | None = None
        self._hold: Hold | None = None

    def start(self) -> DatabaseUrl:
        """Start the server, or join the one that runs, and return the address of ``postgres``.

        Raises:
            PostgresNotFoundError: there are no programs to start one with.
            EmbeddedPostgresError: initdb or the server failed; the message says how.
            ConfigurationError: ``data_dir`` is something else, or somebody else's.
        """
        if self._hold is None:
            self._directory, self._hold = self._join()
        return self.url()

    def stop(self) -> None:
        """Stop the server unless another process uses it; stopping twice is no error."""
        if self._hold is None or self._directory is None:
            return
        hold, directory = self._hold, self._directory
        self._hold = self._directory = None
        with locked(directory):
            self._leave(directory, hold)

    def url(self, dbname: str = "postgres") -> DatabaseUrl:
        """Return the address of a database of the running server.

        Raises:
            EmbeddedPostgresError: the server was not started by this object.
        """
        if self._directory is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL is not running: call start()")
        return server_url(self._directory, dbname)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _join(self) -> tuple[ClusterDirectory, Hold]:
        directory, account = self._place()
        while True:
            directory.make(others_may_enter=account is not None)
            try:
                with locked(directory):
                    hold = Hold.take(directory)
                    try:
                        self._bring_up(directory, account)
                    except BaseException:
                        self._leave(directory, hold)
                        raise
                    return directory, hold
            except GoneError:
                continue

    def _leave(self, directory: ClusterDirectory, hold: Hold) -> None:
        hold.release()
        reaper.close_if_unheld(directory, ephemeral=self._ephemeral)

    def _place(self) -> tuple[ClusterDirectory, Account | None]:
        if self._data_dir is not None:
            directory = ClusterDirectory(self._data_dir)
            return directory, server_account(directory.data)
        account = server_account()
        root = temporary_place(account) / f"tenancy-pg-{uuid4().hex[:16]}"
        return ClusterDirectory(root), account

    def _bring_up(self, directory: ClusterDirectory, account: Account | None) -> None:
        if answers(directory):
            return
        if self._ephemeral:
            reaper.spawn(directory)
        binaries = find(self._prefer, major=directory.major, account=account)
        cluster = Cluster(directory, binaries, account)
        cluster.initialise(sync=not self._ephemeral)
        cluster.start(self._settings)


@contextmanager
def postgres_url(
    url: str | None = None,
    *,
    data_dir: Path | str | None = None,
    prefer: Origin = "system",
    max_connections: int = 200,
    settings: Mapping[str, str] = _NO_SETTINGS,
    ephemeral: bool | None = None,
) -> Iterator[DatabaseUrl]:
    """Give the address of a PostgreSQL server for the length of a ``with`` block.

    ``url``, else ``TENANCY_TEST_DATABASE_URL``, is used as it is; without either an
    ``EmbeddedPostgres`` is made of the other arguments, and stopped at the end.

    Raises:
        PostgresNotFoundError, EmbeddedPostgresError, ConfigurationError: as ``EmbeddedPostgres``.
    """
    given = url or os.environ.get(URL_VARIABLE)
    if given:
        yield DatabaseUrl(given)
        return
    server = EmbeddedPostgres(
        data_dir,
        prefer=prefer,
        max_connections=max_connections,
        settings=settings,
        ephemeral=ephemeral,
    )
    with server:
        yield server.url()
