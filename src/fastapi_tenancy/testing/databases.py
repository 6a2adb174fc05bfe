"""Fresh databases: made from a template in some milliseconds, dropped whoever is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.model.url import DatabaseUrl, masked

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine import URL

_STRATEGIES = 150000
"""The first version of PostgreSQL that can be told how to copy a database."""
KEPT = ("postgres", "template0", "template1")


def create_database(url: str, template: str | None = None) -> DatabaseUrl:
    """Create a database on the server of ``url`` and return its address, all else unchanged.

    ``template`` names a database of that server to copy, to which nobody may be connected;
    without one the database is empty, whatever stands in the server's own template1.

    Raises:
        ServerUnreachableError: the server does not take the connection.
        ConfigurationError: the template is missing or in use, or the role may not create databases.
    """
    import psycopg

    address = _parse(url)
    name = f"tenancy_{uuid4().hex[:16]}"
    source = template or "template0"
    statement = f"CREATE DATABASE {quote(name)} TEMPLATE {quote(source)}"
    with _connect(address) as connection:
        try:
            connection.execute(f"{statement}{_strategy(connection)}".encode())
        except psycopg.errors.ObjectInUse as error:
            raise ConfigurationError(
                f"the template database {source!r} is in use, so it cannot be copied. Close"
                " every connection to it first (for SQLAlchemy: engine.dispose())"
            ) from error
        except psycopg.errors.InvalidCatalogName as error:
            raise ConfigurationError(
                f"there is no database {source!r} on the server to use as a template"
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"the role of {masked(url)} may not create databases: {error}."
                " Give it CREATEDB, or use another role for tests"
            ) from error
    return _render(address.set(database=name))


def drop_database(url: str) -> None:
    """Drop the database that ``url`` names, ending every connection to it; none is no error.

    Raises:
        ServerUnreachableError: the server does not take the connection.
        ConfigurationError: ``url`` names no database, or one that belongs to the server.
    """
    address = _parse(url)
    name = address.database
    if not name or name in KEPT:
        raise ConfigurationError(
            f"{masked(url)} names {'no database' if not name else f'the database {name!r}'},"
            " which is not one to drop. Give the address that create_database returned"
        )
    with _connect(address.set(database="postgres")) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE)".encode())


def _strategy(connection: psycopg.Connection) -> str:
    """Copying files takes half the time of logging each page, where nothing waits for the disk."""
    if connection.info.server_version < _STRATEGIES:
        return ""
    waits = connection.execute("SHOW fsync").fetchone()
    return " STRATEGY file_copy" if waits == ("off",) else ""


def _parse(url: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except ArgumentError:
        address = None
    if address is None or address.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(
            f"{masked(url)!r} is not the address of a PostgreSQL database; expected one like"
            " postgresql://user@host/database"
        )
    return address


def _render(address: URL) -> DatabaseUrl:
    before, mark, query = address.render_as_string(hide_password=False).partition("?")
    # SQLAlchemy writes a space as "+", which libpq takes for a plus.
    return DatabaseUrl(before + mark + query.replace("+", "%20"))


def _connect(address: URL) -> psycopg.Connection:
    import psycopg

    text = _render(address.set(drivername="postgresql"))
    try:
        return psycopg.connect(text, autocommit=True)
    except psycopg.OperationalError as error:
        raise ServerUnreachableError(
            f"cannot connect to {masked(text)}: {masked(str(error).strip())}"
        ) from error
