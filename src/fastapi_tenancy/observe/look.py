"""The position of one target, with as few round trips as can be."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import errors

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.target import MISSING, Position, PositionState, Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.observe.files import existing, open_file, read_file_position
from fastapi_tenancy.observe.lines import Lines
from fastapi_tenancy.observe.positions import (
    look_here,
    read_here,
    read_positions,
    read_seen,
    read_tables,
)

Table = tuple[str, str]
"""Schema and name of a version table; without a schema, where the search path makes tables."""


def look_at(
    lines: Lines, target: Target, tables: Sequence[Table], timeout_s: float
) -> list[Position]:
    """Where a target stands, by each of its version tables; what cannot be read is one too.

    Raises:
        ServerUnreachableError: its server did not take the connection, or lost it.
    """
    if target.is_file:
        return _of_file(target, tables, timeout_s)
    # A database of one tenant is not looked at again soon.
    alone = target.strategy is IsolationStrategy.DATABASE
    try:
        return lines.look(target.address, lambda line: _read(line, tables), keep=not alone)
    except errors.LockNotAvailable:
        problem = "another session keeps its version table locked"
    except psycopg.OperationalError as error:
        raise ServerUnreachableError(
            f"the connection to {target.database} was lost: {_said(error)}"
        ) from error
    except psycopg.Error as error:
        problem = f"its version table cannot be read: {_said(error)}"
    return [Position((), PositionState.UNREADABLE, problem=problem)] * len(tables)


def _read(line: psycopg.Connection, tables: Sequence[Table]) -> list[Position]:
    if all(schema for schema, _ in tables):
        try:
            return read_tables(line, tables)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:  # a closer look says which of them, and why
            pass
    return [_one(line, *table) for table in tables]


def _one(line: psycopg.Connection, schema: str, table: str) -> Position:
    if schema:
        return next(read_positions(line, [schema], table))
    found = read_here(line, table)
    if found is not None:
        return found[1]
    here = look_here(line, table)
    if here is None:
        problem = "no schema of its search path exists"
        return Position((), PositionState.UNREADABLE, problem=problem)
    return next(read_seen(line, [here[0]], {here[0]: here[1]}, table))


def _of_file(target: Target, tables: Sequence[Table], timeout_s: float) -> list[Position]:
    file = existing(target.address)
    if not file.exists():
        return [MISSING] * len(tables)
    opened = open_file(target.address, timeout_s)
    try:
        return [read_file_position(opened, table, file) for _, table in tables]
    finally:
        opened.close()


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip()
