"""Reads the structure of one place, without what is no matter of its track."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg

from fastapi_tenancy.drift.leaving_out import LeftOut
from fastapi_tenancy.drift.values import Kind
from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.model.scratch import PREFIX
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.file_structure import read_objects
from fastapi_tenancy.observe.files import existing, open_file, read_file_position
from fastapi_tenancy.observe.positions import look_here, read_here, read_positions, read_seen
from fastapi_tenancy.observe.structure import Structure, read_structures

FILE_PATIENCE_S = 2.0
LOCKED = "another session keeps an object of it locked; run again when it is done"
_SCHEMAS = """
SELECT nspname::text FROM pg_catalog.pg_namespace
WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
    AND NOT starts_with(nspname, %s) ORDER BY nspname
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How targets of one kind are read: what is left out, and where the version table is."""

    kind: Kind
    left_out: LeftOut
    version_table: str
    version_schema: str | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a target: a structure and where it stood then, or why there is none."""

    target: Target
    structure: Structure | None = None
    position: Position | None = None
    problem: str = ""


def read_schemas(
    connection: psycopg.Connection, targets: Sequence[Target], way: Way
) -> Iterator[Look]:
    """Read the schemas of a chunk, and where they stand after that.

    Raises:
        psycopg.Error: the connection was lost, or one of them cannot be read.
    """
    locked: set[str] = set()
    names = [target.schema for target in targets]
    found = dict(read_structures(connection, names, locked))
    stands = dict(zip(names, read_positions(connection, names, way.version_table), strict=True))
    for target in targets:
        name = target.schema
        if name in found:
            yield Look(target, way.left_out.of(found[name]), stands[name])
        else:
            gone = "it was removed while it was looked at"
            yield Look(target, problem=LOCKED if name in locked else gone)


def read_alone(target: Target, way: Way) -> Look:
    """Read a place that is reached by a connection of its own; what goes wrong is in the look."""
    try:
        if way.kind is Kind.FILE:
            return _file(target, way)
        with closing(connect(target.address, way.timeout_s)) as connection:
            if way.kind is Kind.SCHEMA:
                return next(read_schemas(connection, [target], way))
            return _database(connection, target, way)
    except psycopg.errors.LockNotAvailable:
        return Look(target, problem=LOCKED)
    except (psycopg.Error, sqlite3.Error) as error:
        return Look(target, problem=f"its structure cannot be read: {told(error)}")
    except TenancyError as error:
        return Look(target, problem=masked(str(error)))


def told(error: Exception) -> str:
    """What a driver says, in one line and without a password."""
    return " ".join(masked(str(error)).split())


def _file(target: Target, way: Way) -> Look:
    with closing(open_file(target.address, FILE_PATIENCE_S)) as connection:
        connection.execute("BEGIN")  # position and structure of one moment
        position = read_file_position(connection, way.version_table, existing(target.address))
        if position.problem:
            return Look(target, problem=position.problem)
        return Look(target, way.left_out.of(read_objects(connection)), position)


def _database(connection: psycopg.Connection, target: Target, way: Way) -> Look:
    row = connection.execute("SELECT pg_catalog.current_schema()::text").fetchone()
    if row is None or row[0] is None:
        return Look(target, problem="no schema of its search path exists")
    main = str(row[0])
    schemas = [main]
    if way.kind is Kind.DATABASE:
        schemas = [str(name) for (name,) in connection.execute(_SCHEMAS, [PREFIX])]
    joined: Structure = {}
    for schema, structure in read_structures(connection, schemas):
        joined |= _named(schema, structure, main, way)
    return Look(target, joined, _stands(connection, way))


def _named(schema: str, structure: Structure, main: str, way: Way) -> Structure:
    """The objects of a schema; those outside of where tables are made carry its name."""
    table = LeftOut(frozenset((way.version_table,)))
    if schema == main:
        return way.left_out.of(structure)
    if schema == way.version_schema:
        structure = table.of(structure)
    return {(kind, f"{schema}.{name}"): text for (kind, name), text in structure.items()}


def _stands(connection: psycopg.Connection, way: Way) -> Position:
    if way.version_schema:
        return next(read_positions(connection, [way.version_schema], way.version_table))
    found = read_here(connection, way.version_table)
    if found is not None:
        return found[1]
    here = look_here(connection, way.version_table)
    if here is None:
        raise MigrationFailedError("no schema of its search path exists")
    return next(read_seen(connection, [here[0]], {here[0]: here[1]}, way.version_table))
