"""One stage as one transaction of a file, given up where a revision would leave it.

Python's driver does not begin a transaction before DDL; here BEGIN IMMEDIATE is sent, which is
the lock of the file too (https://docs.sqlalchemy.org/dialects/sqlite.html, on transactions).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, NullPool, create_engine, event

from fastapi_tenancy.errors import said
from fastapi_tenancy.history.pragmas import tell_pragmas

_READING = frozenset(
    (
        "collation_list",
        "database_list",
        "foreign_key_check",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "module_list",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    )
)
"""Pragmas that take an argument and change nothing."""
_NO_VACUUM = "cannot VACUUM"
"""How SQLite's refusal begins; the authorizer is not asked about this statement."""


Lent = tuple[Connection, "Attempt"]


class LeftError(Exception):
    """The revision does what no transaction may hold, or what means nothing in one."""


class Attempts:
    """Gives each attempt a SQLAlchemy connection; one engine for all, as making one is dear."""

    def __init__(self) -> None:
        self._current = threading.local()
        self._engine = create_engine("sqlite://", creator=self._lend, poolclass=NullPool)
        event.listen(self._engine, "begin", lambda c: c.connection.execute("BEGIN IMMEDIATE"))

    @contextmanager
    def connection(
        self, opened: Callable[[], sqlite3.Connection], pragmas: Mapping[str, int]
    ) -> Iterator[Lent]:
        """Yield a connection over the file that ``opened`` opens, and its attempt.

        SQLAlchemy opens it: what listens for connections has its say, and ``pragmas`` after it.
        """
        attempt = self._current.attempt = Attempt(opened)
        try:
            with self._engine.connect() as connection:
                tell_pragmas(attempt.raw, pragmas)
                yield connection, attempt
        finally:
            self._current.attempt = None

    def _lend(self) -> sqlite3.Connection:
        attempt: Attempt | None = getattr(self._current, "attempt", None)
        if attempt is None:
            raise sqlite3.OperationalError("this connection belongs to the thread of a migration")
        return attempt.lend()


class Attempt:
    """A connection whose only commit is the last one.

    SQLite asks it about every statement that would end the transaction, or that is ignored or
    refused in one: it denies them and remembers that the revision needs another way.
    """

    def __init__(self, opened: Callable[[], sqlite3.Connection]) -> None:
        self._opened = opened
        self._raw: sqlite3.Connection | None = None
        self._left = False
        self._ours = True

    @property
    def raw(self) -> sqlite3.Connection:
        """The driver's connection, once it was lent."""
        assert self._raw is not None  # noqa: S101 - SQLAlchemy has asked for it
        return self._raw

    def lend(self) -> sqlite3.Connection:
        """Open the file for SQLAlchemy, once."""
        if self._raw is not None:
            self._left = True
            # What a second connection writes would wait for the lock of the first one for ever.
            raise sqlite3.OperationalError("the file is locked by this migration itself")
        raw = self._raw = self._opened()
        raw.set_authorizer(self._authorized)
        return raw

    @contextmanager
    def revision(self, guard: Callable[[sqlite3.Connection], None]) -> Iterator[None]:
        """Keep the transaction open while the block runs.

        Args:
            guard: called first, with the lock of the file held.

        Raises:
            LeftError: what ran would have left it.
        """
        self._left = False
        guard(self.raw)
        self._ours = False
        try:
            yield
        except Exception as error:
            if self._left or _NO_VACUUM in said(error):
                raise LeftError from error
            raise
        finally:
            self._ours = True  # what ends the transaction now is ours
        if self._left:  # and the revision has swallowed what told it
            raise LeftError

    def _authorized(self, action: int, name: str | None, value: str | None, *_: str | None) -> int:
        if self._ours or action not in _ASKED:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and (value is None or str(name).lower() in _READING):
            return sqlite3.SQLITE_OK
        self._left = True
        return sqlite3.SQLITE_DENY


_ASKED = frozenset(
    (
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_PRAGMA,
        sqlite3.SQLITE_TRANSACTION,
    )
)
