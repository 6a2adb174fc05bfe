"""Reaches a server where the database asked for may be missing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import psycopg

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import database_of, with_database
from fastapi_tenancy.observe.connect import connect

MAINTENANCE = ("postgres", "template1")
"""Databases that are asked about others, and from which others are made."""


def answers(target: Target, timeout_s: float) -> bool:
    """True when the target's database takes a connection."""
    try:
        connect(target.address, timeout_s).close()
    except ServerUnreachableError:
        return False
    return True


def elsewhere(target: Target, timeout_s: float) -> Target:
    """The target as if it were a database that every server has; nothing is changed there."""
    for name in MAINTENANCE:
        other = replace(target, address=with_database(target.address, name))
        if answers(other, timeout_s):
            return other
    return target


def anywhere(target: Target, timeout_s: float) -> psycopg.Connection:
    """A connection to the target's server: to its database, or to one that every server has."""
    try:
        return connect(target.address, timeout_s)
    except ServerUnreachableError as error:
        if error.timed_out:
            raise
        for name in MAINTENANCE:
            try:
                return connect(with_database(target.address, name), timeout_s)
            except ServerUnreachableError:
                continue
        raise


def is_missing(target: Target, timeout_s: float) -> bool:
    """True when the server is there and has no database of the target's name."""
    try:
        with closing(anywhere(target, timeout_s)) as raw:
            name = database_of(target.address)
            row = raw.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    except (ServerUnreachableError, psycopg.Error):
        return False
    return row is None
