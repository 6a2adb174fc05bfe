"""The database of a catalogue: a few connections, work in threads, errors in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.isolation.place import file_of
from fastapi_tenancy.model.url import is_postgresql, masked, sync_url
from fastapi_tenancy.storage.table import ADDED
from fastapi_tenancy.threads import Threads

T = TypeVar("T")

_UNREACHABLE = ("08", "28", "3D", "53", "57P")
"""SQLSTATE: connection, authorization, no such database, no room, shut down."""


class NoTableError(ConfigurationError):
    """A catalogue of our own whose table is not there yet."""


class CatalogueDatabase:
    """Runs work on a catalogue's database, each piece in a thread and a transaction of its own.

    At most ``MAX_CONNECTIONS`` are open. Nothing outlives a transaction (no prepared
    statements, no settings), so PgBouncer in transaction mode may stand in between.

    Raises:
        ConfigurationError: ``url`` is neither a PostgreSQL nor an SQLite URL.
    """

    MAX_CONNECTIONS = 4

    def __init__(self, url: str, *, read_only: bool = False, connect_timeout_s: float = 10) -> None:
        self._own_table = not read_only
        self._threads = Threads(self.MAX_CONNECTIONS, "tenancy-catalogue")
        self.postgresql = is_postgresql(url)
        self.shown = masked(url)
        self._file = None if self.postgresql else file_of(url)
        with self._in_words():
            self._engine = sa.create_engine(
                sync_url(url),
                poolclass=QueuePool,
                hide_parameters=True,
                **(_postgresql(url, connect_timeout_s) if self.postgresql else _sqlite(url)),
            )
        if read_only and self.postgresql:
            self._engine = self._engine.execution_options(postgresql_readonly=True)

    async def run(
        self,
        work: Callable[[sa.Connection], T],
        *,
        makes: bool = False,
        after: Callable[[T], None] | None = None,
    ) -> T:
        """Return what ``work`` returns; its transaction is committed unless it raises.

        Args:
            after: called with what ``work`` returned, in the same thread, once it is committed or
                nobody knows whether it is; the caller being cancelled does not keep it away.
            makes: an SQLite file that is missing is made; whoever only looks makes none.

        Raises:
            ServerUnreachableError: the server did not take the connection, or lost it.
            ConfigurationError: the database refused a statement; with its message.
            sqlalchemy.exc.IntegrityError: a constraint was violated (not translated, because
                only the caller knows what it means; its text may hold a password).
        """
        return await self._threads.run(lambda: self._run(work, makes, after))

    async def close(self) -> None:
        """Close every connection; the next ``run`` opens new ones."""
        await self._threads.run(self._engine.dispose)
        self._threads.close()

    def _run(
        self,
        work: Callable[[sa.Connection], T],
        makes: bool,
        after: Callable[[T], None] | None,
    ) -> T:
        if not makes and self._file is not None and not self._file.exists():
            raise (
                self._no_list()
                if self._own_table
                else ConfigurationError(
                    f"the catalogue {self.shown!r} does not exist; name the file of the tenants"
                )
            )
        done: list[T] = []
        try:
            with self._in_words(), self._engine.begin() as connection:
                done.append(work(connection))
        finally:
            if after is not None and done:
                after(done[0])
        return done[0]

    def _no_list(self) -> NoTableError:
        return NoTableError(
            f"there is no list of tenants in {self.shown!r} yet. `tenancy tenants add` makes it,"
            " `tenancy tenants prepare` an empty one (store.initialize() in Python); if your"
            " tenants are in a table of your own, name it with tenants_query, or use schema_pattern"
        )

    def _old_list(self) -> ConfigurationError:
        return ConfigurationError(
            f"the list of tenants in {self.shown!r} was made by an earlier version: it lacks"
            f" {' or '.join(ADDED)}. Run `tenancy tenants prepare` (store.initialize() in Python),"
            " which adds what it lacks and keeps the rest"
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as exc:
            text = masked(" ".join(str(exc.orig).split()))
            if _unreachable(exc) and self._file is not None:
                raise ServerUnreachableError(
                    f"the catalogue {self.shown!r} cannot be opened: {_of_file(self._file, text)}"
                ) from exc
            if _unreachable(exc):
                raise ServerUnreachableError(
                    f"the catalogue {self.shown!r} cannot be reached: {text.rstrip('?.')}."
                    f" Check {_advice(text)} in its URL (catalogue_url, by default database_url)"
                ) from exc
            if _no_table(exc, text) and self._own_table:
                raise self._no_list() from exc
            if _old_table(exc, text) and self._own_table:
                raise self._old_list() from exc
            raise ConfigurationError(f"the catalogue {self.shown!r} refused: {text}") from exc
        except SQLAlchemyError as exc:
            raise ConfigurationError(f"the catalogue {self.shown!r}: {masked(str(exc))}") from exc


def _of_file(file: Path, text: str) -> str:
    """Why an SQLite file, of which the driver says ``text``, is not opened, and what to do."""
    if not file.parent.is_dir():
        return f"there is no folder {str(file.parent)!r}. Make it, or name another file"
    if file.is_dir():
        return f"{str(file)!r} is a folder. Name a file in it, such as {str(file / 'tenancy.db')!r}"
    return f"{text}. Check what may be read and written there"


def _advice(text: str) -> str:
    """What to look at when a server, whose words are ``text``, took no connection."""
    if "password" in text or "authentication" in text:
        return "the user and the password"
    if "does not exist" in text:
        return "the name of the database"
    return "that the server runs, and host and port"


def _unreachable(exc: DBAPIError) -> bool:
    state = getattr(exc.orig, "sqlstate", None)
    if state is None:
        return isinstance(exc, sa.exc.OperationalError) and not _answered(exc)
    return str(state).startswith(_UNREACHABLE)


def _no_table(exc: DBAPIError, text: str) -> bool:
    return getattr(exc.orig, "sqlstate", None) == "42P01" or "no such table" in text


def _old_table(exc: DBAPIError, text: str) -> bool:
    lacks = getattr(exc.orig, "sqlstate", None) == "42703" or "no such column" in text
    return (lacks or "has no column" in text) and any(name in text for name in ADDED)


def _answered(exc: DBAPIError) -> bool:
    code = getattr(exc.orig, "sqlite_errorname", None)
    return code is not None and code != "SQLITE_CANTOPEN"


def _postgresql(url: str, connect_timeout_s: float) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        # PgBouncer in transaction mode: the next transaction may meet another server connection.
        "prepare_threshold": None,
        "fallback_application_name": "fastapi-tenancy",
    }
    if "connect_timeout=" not in url:
        # libpq takes whole seconds and reads 0 as no limit.
        arguments["connect_timeout"] = max(1, math.ceil(connect_timeout_s))
    return {
        "connect_args": arguments,
        "pool_size": 2,
        "max_overflow": CatalogueDatabase.MAX_CONNECTIONS - 2,
        "pool_pre_ping": True,
    }


def in_memory(url: str) -> bool:
    """Whether ``url`` is an SQLite database that is gone when its connection is."""
    if is_postgresql(url):
        return False
    return sa.make_url(sync_url(url)).database in (None, "", ":memory:")


def _sqlite(url: str) -> dict[str, Any]:
    # A database in memory lives as long as its one connection.
    alone = in_memory(url)
    return {
        "connect_args": {"check_same_thread": False, "timeout": 30},
        "pool_size": 1 if alone else 2,
        "max_overflow": 0 if alone else CatalogueDatabase.MAX_CONNECTIONS - 2,
    }
