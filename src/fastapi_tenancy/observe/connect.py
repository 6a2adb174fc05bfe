"""Opens psycopg connections, and turns their failures into errors for people."""

from __future__ import annotations

import psycopg

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.url import masked

KEEPALIVES = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""After how many seconds (the last: milliseconds) without an answer a connection is given up."""


def connect(address: str, timeout_s: float, **options: str) -> psycopg.Connection:
    """Open an autocommit connection that prepares nothing (PgBouncer shares server connections).

    Args:
        address: a libpq URL.
        timeout_s: seconds to wait for the server to answer.

    Raises:
        ServerUnreachableError: the server did not take the connection.
    """
    # A server that is cut off says nothing: the kernel has to ask, unless the URL says otherwise.
    asking = {} if "keepalives" in address else {**KEEPALIVES}
    try:
        return psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(1, round(timeout_s)),
            application_name="tenancy",
            **{**asking, **options},  # type: ignore[arg-type]
        )
    except psycopg.OperationalError as error:
        cause = _told(error)
        refused = ServerUnreachableError(f"cannot connect to {masked(address)}: {cause}")
        refused.cause = cause
        refused.timed_out = isinstance(error, psycopg.errors.ConnectionTimeout)
        raise refused from None
    except psycopg.ProgrammingError as error:
        raise ServerUnreachableError(
            f"the URL of the database cannot be used: {masked(str(error)).strip()}. Expected one"
            " such as postgresql://user:password@host:5432/database"
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


def _told(error: psycopg.OperationalError) -> str:
    cause = masked(str(error)).strip()
    if "too many clients" in cause or "remaining connection slots" in cause:
        advice = "the server has no free connection: lower --concurrency or raise max_connections"
    elif "too many connections for" in cause:
        advice = "lower --concurrency, or raise the connection limit of that role or database"
    elif "password" in cause or "authentication" in cause:
        advice = "check the user and the password in its URL"
    elif "does not exist" in cause:
        advice = "check the database name in its URL, or create it first"
    else:
        advice = "check that the server runs and that host and port in its URL are right"
    end = "" if cause.endswith(("?", ".")) else "."
    return f"{cause}{end} What to do: {advice}"
