"""Opens a connection on which every transaction is one of the place that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DatabaseError

from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError
from fastapi_tenancy.isolation.place import file_of
from fastapi_tenancy.migrations.env.placing import Place
from fastapi_tenancy.model.url import sync_url
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.server import is_pooled


@contextmanager
def connected(place: Place, timeout_s: float) -> Iterator[Connection]:
    """A SQLAlchemy connection to a place; others that its engine opens are aimed there too.

    Raises:
        ServerUnreachableError: the server did not take the connection.
        ConfigurationError: the schema or the file of a tenant is not there.
    """
    engine = _postgresql(place, timeout_s) if place.postgresql else _sqlite(place)
    with engine.connect() as connection:
        if not place.postgresql:
            _require_database(connection, place)
        if place.schema:
            # Inspectors and autogenerate take unqualified names to be in this schema.
            connection.dialect.default_schema_name = place.schema
        connection.rollback()  # else Alembic joins this transaction, and nobody commits it
        yield connection
    engine.dispose()


def _postgresql(place: Place, timeout_s: float) -> Engine:
    def opened() -> psycopg.Connection:
        raw = connect(place.address, timeout_s)
        try:
            if place.schema:
                _require_schema(raw, place)
            raw.autocommit = False
        except BaseException:
            raw.close()
            raise
        return raw

    engine = create_engine(
        sync_url(place.address), creator=opened, poolclass=NullPool, use_native_hstore=False
    )
    if place.search_path:
        event.listen(engine, "begin", lambda connection: _aim(connection, place))
    return engine


def _aim(connection: Connection, place: Place) -> None:
    """With ``SET LOCAL``, because a pooler may give the next transaction to somebody else."""
    raw: Any = connection.connection.driver_connection
    setting = f"search_path TO {place.search_path}"
    if not raw.autocommit:
        raw.execute(f"SET LOCAL {setting}".encode())
        return
    if is_pooled(raw):
        raise MigrationFailedError(
            "a statement outside of a transaction (an autocommit block) needs a connection that is"
            " its own, and a pooler stands between here and the server. Use `tenancy upgrade`,"
            " which writes the schema into such statements, or -x url= with the server's address"
        )
    raw.execute(f"SET {setting}".encode())


def _require_schema(raw: psycopg.Connection, place: Place) -> None:
    known = raw.execute(
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [place.schema]
    ).fetchone()
    if known is None:
        raise ConfigurationError(
            f"the schema {place.schema!r} does not exist; {_made_by(place)}. Nothing was changed"
        )


def _sqlite(place: Place) -> Engine:
    file = file_of(place.address)
    # Whoever named the file itself may mean a new one.
    if place.target is not None and file is not None and not file.exists():
        raise ConfigurationError(
            f"the database {file} does not exist; {_made_by(place)}. Nothing was changed"
        )
    engine = create_engine(place.address, poolclass=NullPool)
    # By itself sqlite3 begins no transaction for DDL, so none could be taken back.
    event.listen(engine, "connect", _without_own_transactions)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _require_database(connection: Connection, place: Place) -> None:
    try:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except DatabaseError as error:
        raise ConfigurationError(
            f"{place.name} cannot be used: {error.orig}. Nothing was changed"
        ) from error


def _without_own_transactions(raw: Any, _record: Any) -> None:
    raw.isolation_level = None


def _made_by(place: Place) -> str:
    if place.target is None:
        return "create it first"
    return f"`tenancy upgrade --create --tenant {place.target.tenant.identifier}` makes it"
