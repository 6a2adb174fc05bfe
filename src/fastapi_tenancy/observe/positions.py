"""Positions of many targets in few statements, with a bounded number of locks each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg
from psycopg import errors

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.isolation.names import literal, qualified, quote
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.target import MISSING, UNVERSIONED, Position, PositionState
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.locks import locked_schemas
from fastapi_tenancy.observe.marker import WORD, read_marker

LOOKUP = 2000
"""Schemas looked up in the catalogue per statement; takes no locks on them."""
READ = 100
"""Version tables read per statement: two locks each, far below a default lock table."""
PER_CONNECTION = 5000
MANY = 500
"""From so many schemas on, a second connection is worth its opening."""

WAIT_MS = 5000
"""How long a locked version table is waited for: one tenant must not hold up the fleet."""

_LOOKED = """
SELECT n.nspname, c.relkind::text, d.objoid IS NOT NULL
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c
    ON c.relnamespace = n.oid AND c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_catalog.pg_description d
    ON d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
    AND starts_with(d.description, %(word)s)
WHERE n.nspname = """
_EXISTING = _LOOKED + "ANY(%(schemas)s)"
_HERE = _LOOKED + "pg_catalog.current_schema()"


_QUICK = """
SET LOCAL lock_timeout = {wait};
SELECT pg_catalog.current_schema(), array(SELECT version_num::text FROM {name})
FROM pg_catalog.pg_class c
WHERE c.oid = {literal}::pg_catalog.regclass AND c.relkind IN ('r', 'p')
    AND c.relnamespace = pg_catalog.current_schema()::pg_catalog.regnamespace
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d
        WHERE d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.objsubid = 0 AND starts_with(d.description, {word}))
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the catalogue says of a schema: its version table's kind, and whether it is marked."""

    kind: str | None
    marked: bool


def read_positions(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> Iterator[Position]:
    """Yield the position of each schema, in order; a table that cannot be read is one position.

    Args:
        connection: an autocommit connection; each statement is a transaction of its own.
        schemas: names as stored, unquoted.
        table: name of the version table.
    """
    known: dict[Position, Position] = {}
    for chunk in chunked(schemas, LOOKUP):
        for position in read_seen(connection, chunk, look_up(connection, chunk, table), table):
            # A fleet stands at few positions: share the values.
            yield known.setdefault(position, position)


def look_up(connection: psycopg.Connection, schemas: Sequence[str], table: str) -> dict[str, Seen]:
    """What the catalogue says of each schema that exists."""
    found: dict[str, Seen] = {}
    for chunk in chunked(schemas, LOOKUP):
        asked = {"table": table, "schemas": chunk, "word": WORD}
        rows = connection.execute(_EXISTING, asked)
        found |= {str(name): Seen(kind, bool(marked)) for name, kind, marked in rows}
    return found


def read_here(connection: psycopg.Connection, table: str) -> tuple[str, Position] | None:
    """The schema that tables are made in, and its position; None where it takes a closer look.

    Asks for the version table alone: a new server process knows nothing of the catalogue yet, and
    everything it has to learn costs as much as a small migration.
    """
    name = quote(table)
    message = _QUICK.format(name=name, literal=literal(name), word=literal(WORD), wait=WAIT_MS)
    try:
        cursor = connection.execute(message.encode())
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return None
    cursor.nextset()
    row = cursor.fetchone()
    return None if row is None else (str(row[0]), _versions(row[1], table))


def look_here(connection: psycopg.Connection, table: str) -> tuple[str, Seen] | None:
    """The schema that tables are made in, with what is there; None where no such schema exists."""
    row = connection.execute(_HERE, {"table": table, "word": WORD}).fetchone()
    return None if row is None else (str(row[0]), Seen(row[1], bool(row[2])))


def elsewhere_on_path(connection: psycopg.Connection, table: str) -> str | None:
    """The schema in which an unqualified name finds the version table; None where it finds none."""
    row = connection.execute(
        "SELECT relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class"
        " WHERE oid = pg_catalog.to_regclass(%s)",
        [quote(table)],
    ).fetchone()
    return None if row is None else str(row[0])


def read_seen(
    connection: psycopg.Connection, schemas: Sequence[str], seen: Mapping[str, Seen], table: str
) -> Iterator[Position]:
    """Yield the position of each schema, in order, of which ``seen`` came from ``look_up``."""
    tables = [s for s in schemas if s in seen and seen[s].kind in ("r", "p")]
    read: dict[str, Position] = {}
    for part in chunked(tables, READ):
        read |= _heads(connection, part, table)
    for schema in schemas:
        position = _position(schema, seen.get(schema), read, table)
        if schema in seen and seen[schema].marked:
            position = _with_marker(connection, schema, table, position)
        yield position


def read_again(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> Iterator[Position]:
    """As ``read_positions``, for schemas that had their version tables a moment ago; no markers."""
    for part in chunked(schemas, READ):
        try:
            found = _read(connection, part, table)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            yield from read_positions(connection, part, table)
        else:
            yield from (found[schema] for schema in part)


def _position(schema: str, seen: Seen | None, read: Mapping[str, Position], table: str) -> Position:
    if seen is None:
        return MISSING
    if seen.kind in (None, "r", "p"):
        return read.get(schema, UNVERSIONED)
    return _unreadable(f"{table} is not a table here; rename or drop what bears its name")


def _unreadable(problem: str) -> Position:
    return Position((), PositionState.UNREADABLE, problem=problem)


def _with_marker(
    connection: psycopg.Connection, schema: str, table: str, position: Position
) -> Position:
    try:
        found = read_marker(connection, qualified(schema, table))
    except psycopg.Error:
        return position
    return replace(position, half_done=found.half_done)


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


def _heads(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, Position]:
    """Positions of version tables; those that are dropped meanwhile are left out."""
    if not schemas:
        return {}
    try:
        return _read(connection, schemas, table)
    except errors.LockNotAvailable:
        locked = locked_schemas(connection, schemas, table)
        problem = f"another session keeps {table} locked; run again when it is done"
        rest = _heads(connection, [s for s in schemas if s not in locked], table)
        return {s: _unreadable(problem) for s in schemas if s in locked} | rest
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        # A schema was dropped between the look-up and this read.
        seen = look_up(connection, schemas, table)
        left = [s for s, found in seen.items() if found.kind is not None]
        if len(left) == len(schemas):
            raise
        return _heads(connection, left, table)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        if len(schemas) == 1:
            cause = error.diag.message_primary or str(error)
            return {schemas[0]: _unreadable(f"{table} cannot be read: {cause}")}
        half = len(schemas) // 2
        first = _heads(connection, schemas[:half], table)
        return first | _heads(connection, schemas[half:], table)


def _read(
    connection: psycopg.Connection, schemas: Sequence[str], table: str
) -> dict[str, Position]:
    found = read_tables(connection, [(schema, table) for schema in schemas])
    return dict(zip(schemas, found, strict=True))


def read_tables(
    connection: psycopg.Connection, tables: Sequence[tuple[str, str]]
) -> list[Position]:
    """The position in each of these version tables (schema, table), in one round trip; no markers.

    Raises:
        psycopg.Error: one of them is not there, or cannot be read.
    """
    # A column for each table: planned as fast as one small statement each, and one row to fetch.
    parts = (f"array(SELECT version_num::text FROM {qualified(*table)})" for table in tables)
    message = f"SET LOCAL lock_timeout = {WAIT_MS}; SELECT {', '.join(parts)}"
    cursor = connection.execute(message.encode())
    cursor.nextset()
    row = cursor.fetchone() or ()
    return [_versions(found, table) for found, (_, table) in zip(row, tables, strict=True)]


def _versions(found: list[str | None], table: str) -> Position:
    heads = tuple(sorted(version for version in found if version))
    if len(heads) != len(found):
        return _unreadable(f"{table} holds a row without a revision; delete that row")
    if len(set(heads)) != len(heads):
        twice = next(h for h in heads if heads.count(h) > 1)
        return _unreadable(f"{table} holds revision {twice} more than once; leave one of the rows")
    return Position(heads, PositionState.VERSIONED)
