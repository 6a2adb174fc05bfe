"""Opens psycopg connections, and turns their failures into errors for people."""

from __future__ import annotations

import psycopg

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.url import masked


def connect(address: str, timeout_s: float, **options: str) -> psycopg.Connection:
    """Open an autocommit connection that prepares nothing (PgBouncer shares server connections).

    Args:
        address: a libpq URL.
        timeout_s: seconds to wait for the server to answer.

    Raises:
        ServerUnreachableError: the server did not take the connection.
    """
    try:
        return psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(1, round(timeout_s)),
            application_name="tenancy",
            **options,  # type: ignore[arg-type]
        )
    except psycopg.OperationalError as error:
        raise ServerUnreachableError(_told(address, error)) from None
    except psycopg.ProgrammingError as error:
        raise ServerUnreachableError(
            f"database_url cannot be used: {masked(str(error)).strip()}. Expected a URL such as"
            " postgresql://user:password@host:5432/database"
        ) from None


class Line:
    """A connection to look at a server with, opened again when it was lost meanwhile.

    Between two looks hours may pass, in which the server, a pooler or a firewall closes it.
    """

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> Line:
        self.connection()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> psycopg.Connection:
        """Another connection to the same database, for the caller to close.

        Raises:
            ServerUnreachableError: the server does not take it.
        """
        return connect(self._address, self._timeout_s)

    def close(self) -> None:
        """Close the connection; the next look opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> psycopg.Connection:
        """A connection that answered just now.

        Raises:
            ServerUnreachableError: the server does not take a new one.
        """
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.OperationalError:
                self._connection.close()
            else:
                return self._connection
        self._connection = self.open()
        return self._connection


def _told(address: str, error: psycopg.OperationalError) -> str:
    cause = masked(str(error)).strip()
    if "too many clients" in cause or "remaining connection slots" in cause:
        advice = "the server has no free connection: lower --concurrency or raise max_connections"
    elif "too many connections for" in cause:
        advice = "lower --concurrency, or raise the connection limit of that role or database"
    elif "password" in cause or "authentication" in cause:
        advice = "check the user and the password in database_url"
    elif "does not exist" in cause:
        advice = "check the database name in database_url, or create it first"
    else:
        advice = "check that the server runs and that host and port in database_url are right"
    return f"cannot connect to {masked(address)}: {cause}. What to do: {advice}"
