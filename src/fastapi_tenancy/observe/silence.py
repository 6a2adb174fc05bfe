"""Tells a server that does not answer from one that answers and refuses."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from fastapi_tenancy.errors import ServerUnreachableError


def is_silent(error: ServerUnreachableError, address: str, timeout_s: float) -> bool:
    """True where nobody can connect to the server of an address, whoever asks for what.

    A wrong password, or a database that is missing, is an answer.

    Args:
        error: what became of a connection a moment ago.
        timeout_s: seconds to wait for the server to answer.
    """
    if error.timed_out:
        return True
    asked = make_conninfo(address, connect_timeout=max(1, round(timeout_s)))
    return PGconn.ping(asked.encode()) is not Ping.OK
