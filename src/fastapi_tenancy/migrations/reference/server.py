"""Scratch places on a PostgreSQL server: a schema beside those of tenants, or a database."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg
from psycopg import errors

from fastapi_tenancy.engine.env.making import beside
from fastapi_tenancy.engine.shared import SharedSchemas
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.isolation.names import literal, quote
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.migrations.reference.scratch import NotAllowedError, Scratch, ScratchError
from fastapi_tenancy.model.scratch import PREFIX
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import database_of, masked, with_database
from fastapi_tenancy.observe.connect import connect

_INSTEAD = ", or compare with a tenant that stands at head (--tenant IDENTIFIER)"
"""What whoever compares models can do without a reference; others leave it out."""
_PATIENCE = "SET LOCAL lock_timeout = '5s'"
"""Dropping a table locks those it refers to, and whoever works there is not to be held up."""


class _OnServer(Scratch):
    """Made and removed over a connection beside it."""

    kind = ""

    def __init__(self, name: str, target: Target, timeout_s: float) -> None:
        super().__init__(name, target)
        self._timeout_s = timeout_s

    @abstractmethod
    def _create(self, connection: psycopg.Connection) -> None: ...

    @abstractmethod
    def _drop(self, connection: psycopg.Connection, name: str) -> None: ...

    @abstractmethod
    def _right(self) -> str:
        """The right that a role needs to make it."""

    def make(self) -> None:
        with self._beside() as connection:
            try:
                self._create(connection)
            except errors.InsufficientPrivilege as error:
                role = connection.info.user
                raise NotAllowedError(
                    f"no reference could be built, because the role {role} may not make a scratch"
                    f" {self.kind}: {str(error).strip()}. Give it {self._right()}",
                    _INSTEAD,
                ) from error
            except psycopg.Error as error:
                told = masked(str(error)).strip()
                raise ScratchError(
                    f"the scratch {self.kind} {self.name} could not be made: {told}"
                ) from error

    def remove(self, name: str) -> None:
        try:
            with self._beside() as connection:
                self._drop(connection, name)
        except psycopg.Error as error:
            told = masked(str(error)).strip()
            raise MigrationFailedError(
                f"the scratch {self.kind} {name} could not be removed: {told}"
            ) from error

    @contextmanager
    def _beside(self) -> Iterator[psycopg.Connection]:
        with closing(beside(self.target, self._timeout_s)) as connection:
            yield connection

    def _named(self, catalogue: str, column: str) -> list[str]:
        query = (
            f"SELECT {column}::text FROM pg_catalog.{catalogue}"
            f" WHERE starts_with({column}, {literal(PREFIX)})"
        )
        with self._beside() as connection:
            return [str(name) for (name,) in connection.execute(query.encode())]


class ScratchSchema(_OnServer):
    """A schema in the database of the tenants, so that it finds what they share.

    Args:
        like: where a tenant would live.
        shared: schemas in which removing it must take nothing along.
    """

    kind = "schema"

    def __init__(self, name: str, like: Target, shared: tuple[str, ...], timeout_s: float) -> None:
        super().__init__(name, replace(like, schema=name), timeout_s)
        self._shared = shared

    def _create(self, connection: psycopg.Connection) -> None:
        connection.execute(f"CREATE SCHEMA {quote(self.name)}".encode())

    def _right(self) -> str:
        return f"CREATE on the database {quote(database_of(self.target.address))}"

    def _drop(self, connection: psycopg.Connection, name: str) -> None:
        with connection.transaction():
            connection.execute(_PATIENCE.encode())
            shared = SharedSchemas(connection, self._shared)
            connection.execute(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE".encode())
            for difference in shared.differences(connection):
                raise MigrationFailedError(
                    f"the scratch schema {name} was left: removing it would take along what is"
                    f" outside of it. {difference.message}"
                )

    def others(self) -> list[str]:
        return self._named("pg_namespace", "nspname")


class ScratchDatabase(_OnServer):
    """A database on the server of the tenants, with the target's schema if it has one."""

    kind = "database"

    def __init__(self, name: str, like: Target, timeout_s: float) -> None:
        address = with_database(like.address, name)
        target = replace(
            like, database=place(address), address=address, strategy=IsolationStrategy.DATABASE
        )
        if like.schema:
            target = replace(target, strategy=IsolationStrategy.SCHEMA)
        super().__init__(name, target, timeout_s)
        self._server = replace(target, schema="")

    def _create(self, connection: psycopg.Connection) -> None:
        connection.execute(f"CREATE DATABASE {quote(self.name)}".encode())
        if self.target.schema:
            with closing(connect(self.target.address, self._timeout_s)) as inside:
                inside.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.target.schema)}".encode())

    def _right(self) -> str:
        return "CREATEDB"

    def _drop(self, connection: psycopg.Connection, name: str) -> None:
        connection.execute(f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE)".encode())

    @contextmanager
    def _beside(self) -> Iterator[psycopg.Connection]:
        with closing(beside(self._server, self._timeout_s)) as connection:
            yield connection

    def others(self) -> list[str]:
        return self._named("pg_database", "datname")
