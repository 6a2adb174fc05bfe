"""Makes the schema or the database that is missing, before env.py connects to it."""

from __future__ import annotations

from contextlib import closing

import psycopg

from fastapi_tenancy.errors import MigrationFailedError, ServerUnreachableError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import with_database
from fastapi_tenancy.observe.connect import connect

MAINTENANCE = ("postgres", "template1")
"""Databases that every server has, to make others from."""


def make(target: Target, isolation: IsolationProvider, timeout_s: float) -> None:
    """Make the place of a target; a file is made by whoever connects to it first.

    Raises:
        MigrationFailedError: the server does not make it.
        ServerUnreachableError: the server does not take the connection.
    """
    if target.address.startswith("sqlite"):
        return
    with closing(beside(target, timeout_s)) as connection:
        try:
            connection.execute(isolation.create_sql(target).encode())
        except (psycopg.errors.DuplicateSchema, psycopg.errors.DuplicateDatabase):
            return  # another runner made it
        except psycopg.Error as error:
            raise MigrationFailedError(f"its place could not be made: {error}") from error


def beside(target: Target, timeout_s: float) -> psycopg.Connection:
    """A connection from which the place of a target can be made, and removed.

    Raises:
        ServerUnreachableError: the server does not take it.
    """
    if target.schema:
        return connect(target.address, timeout_s)
    for name in MAINTENANCE[:-1]:
        try:
            return connect(with_database(target.address, name), timeout_s)
        except ServerUnreachableError:
            continue
    return connect(with_database(target.address, MAINTENANCE[-1]), timeout_s)
