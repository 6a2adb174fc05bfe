"""Looks whether a place is there, and whether anything is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import StrEnum

import psycopg

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.elsewhere import is_missing
from fastapi_tenancy.observe.files import existing, open_file

_SCHEMA = """
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
    OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid)
    OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid)
  FROM pg_namespace n WHERE n.nspname = %s
"""
_DATABASE = """
SELECT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
       AND NOT EXISTS (
           SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
"""
"""Tables of extensions are there in every database made from such a template."""


class Contents(StrEnum):
    """What is found at a place."""

    MISSING = "missing"
    EMPTY = "empty"
    TAKEN = "taken"


def read_contents(target: Target, timeout_s: float) -> Contents:
    """Whether a place is there and holds anything; changes nothing.

    Args:
        timeout_s: seconds to wait for the server to answer, or for a lock on a file.

    Raises:
        ServerUnreachableError: the server did not take the connection.
        ConfigurationError: the place cannot be looked at.
    """
    try:
        if target.is_file:
            return _file(target, timeout_s)
        return _schema(target, timeout_s) if target.schema else _database(target, timeout_s)
    except (psycopg.Error, sqlite3.Error) as error:
        raise ConfigurationError(
            f"{target.name} cannot be looked at: {masked(' '.join(str(error).split()))}"
        ) from error


def _schema(target: Target, timeout_s: float) -> Contents:
    with closing(connect(target.address, timeout_s)) as raw:
        row = raw.execute(_SCHEMA, [target.schema]).fetchone()
    return Contents.MISSING if row is None else _taken(row[0])


def _database(target: Target, timeout_s: float) -> Contents:
    try:
        with closing(connect(target.address, timeout_s)) as raw:
            row = raw.execute(_DATABASE).fetchone()
    except ServerUnreachableError:
        if is_missing(target, timeout_s):
            return Contents.MISSING
        raise
    return _taken(row is not None and row[0])


def _file(target: Target, timeout_s: float) -> Contents:
    if not existing(target.address).exists():
        return Contents.MISSING
    with closing(open_file(target.address, timeout_s)) as opened:
        row = opened.execute("SELECT count(*) > 0 FROM sqlite_master").fetchone()
    return _taken(row[0])


def _taken(found: object) -> Contents:
    return Contents.TAKEN if found else Contents.EMPTY
