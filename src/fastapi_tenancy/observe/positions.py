"""Positions of many targets in few statements, with a bounded number of locks each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import errors

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.isolation.names import qualified
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.target import MISSING, UNVERSIONED, Position, PositionState
from fastapi_tenancy.observe.connect import Line

LOOKUP = 2000
"""Schemas looked up in the catalogue per statement; takes no locks on them."""
READ = 100
"""Version tables read per statement: two locks each, far below a default lock table."""
PER_CONNECTION = 5000
MANY = 500
"""From so many schemas on, a second connection is worth its opening."""

_EXISTING = """
SELECT n.nspname, c.oid IS NOT NULL
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c
    ON c.relnamespace = n.oid AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
WHERE n.nspname = ANY(%(schemas)s)
"""


def read_positions(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> Iterator[Position]:
    """Yield the position of each schema, in order.

    Args:
        connection: an autocommit connection; each statement is a transaction of its own.
        schemas: names as stored, unquoted.
        table: name of the version table.
    """
    known: dict[tuple[str, ...], Position] = {}
    for chunk in chunked(schemas, LOOKUP):
        found = _existing(connection, chunk, table)
        heads = _heads(connection, [s for s, versioned in found.items() if versioned], table)
        for schema in chunk:
            if schema not in found:
                yield MISSING
            elif not found[schema] or schema not in heads:
                yield UNVERSIONED
            else:
                # A fleet stands at few positions: share the values.
                at = heads[schema]
                yield known.setdefault(at, Position(at, PositionState.VERSIONED))


def read_fleet(line: Line, schemas: Sequence[str], table: str) -> Iterator[Position]:
    """Yield the position of each schema of a fleet of any size, in order.

    A server process keeps about 10 KiB for each table it has read, for all its life, so no
    connection reads more than ``PER_CONNECTION`` of them.
    """
    for chunk in chunked(schemas, PER_CONNECTION):
        yield from read_positions_abreast(line.connection(), line.open, chunk, table)
        if len(chunk) == PER_CONNECTION:
            line.close()


def read_positions_abreast(
    connection: psycopg.Connection,
    another: Callable[[], psycopg.Connection],
    schemas: Sequence[str],
    table: str,
) -> Iterator[Position]:
    """As ``read_positions``, half of them over another connection where there are many.

    Args:
        another: opens a connection like the first; it is closed again. Without a free one
            everything is read over the first.
    """
    half = len(schemas) // 2 if len(schemas) >= MANY else len(schemas)

    def read_rest() -> list[Position] | None:
        try:
            opened = another()
        except ServerUnreachableError:
            return None
        with opened:
            return list(read_positions(opened, schemas[half:], table))

    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(read_rest) if half < len(schemas) else None
        yield from read_positions(connection, schemas[:half], table)
        if rest is not None:
            found = rest.result()
            yield from read_positions(connection, schemas[half:], table) if found is None else found


def _existing(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, bool]:
    rows = connection.execute(_EXISTING, {"table": table, "schemas": list(schemas)})
    return {str(name): bool(versioned) for name, versioned in rows}


def _heads(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, tuple[str, ...]]:
    result: dict[str, tuple[str, ...]] = {}
    for chunk in chunked(schemas, READ):
        try:
            result.update(_read(connection, chunk, table))
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            # A schema was dropped between the look-up and this read.
            left = [s for s, versioned in _existing(connection, chunk, table).items() if versioned]
            if len(left) < len(chunk):
                result.update(_heads(connection, left, table))
            else:
                raise
    return result


def _read(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, tuple[str, ...]]:
    # A column for each table: planned as fast as one small statement each, and one row to fetch.
    parts = (f"array(SELECT version_num::text FROM {qualified(s, table)})" for s in schemas)
    row = connection.execute(f"SELECT {', '.join(parts)}".encode()).fetchone() or ()
    return {s: tuple(sorted(heads)) for s, heads in zip(schemas, row, strict=True)}
