"""What stands in a database: its structure, read twice over, its rows and its version rows."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from fastapi_tenancy.errors import PostgresNotFoundError
from fastapi_tenancy.isolation.names import qualified
from fastapi_tenancy.observe.structure import Structure, read_structures
from fastapi_tenancy.testing.binaries import find

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d\d(?::\d\d)?)?")
_OURS = "nspname !~ '^pg_' AND nspname <> 'information_schema'"


@dataclass(frozen=True)
class Snapshot:
    """Everything two roads are compared by."""

    structures: dict[str, Structure]
    rows: dict[str, list[str]]
    """Rows as text of each table, sorted; UUIDs and times masked."""
    sequences: dict[str, str]
    dump: str | None
    """``pg_dump --schema-only``: written by somebody else than us."""


def snapshot(url: str, *, dump: bool = True) -> Snapshot:
    """Read all of a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        schemas = [
            r[0] for r in connection.execute(f"SELECT nspname FROM pg_namespace WHERE {_OURS}")
        ]
        structures = dict(read_structures(connection, schemas))
        rows = {t: _rows(connection, t) for t in _relations(connection, "r")}
        sequences = {
            s: str(connection.execute(f"SELECT last_value, is_called FROM {s}").fetchone())
            for s in _relations(connection, "S")
        }
    return Snapshot(structures, rows, sequences, _dumped(url) if dump else None)


def rows(url: str, schema: str, table: str) -> list[str]:
    """The rows of one table as text, sorted, as they stand."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _raw(connection, qualified(schema, table))


def heads(url: str, schema: str, table: str = "alembic_version") -> set[str]:
    """The version rows of a schema."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(f"SELECT version_num FROM {qualified(schema, table)}")
        return {r[0] for r in found}


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    """The rows of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def _relations(connection: psycopg.Connection, kind: str) -> list[str]:
    found = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind = '{kind}' AND {_OURS} ORDER BY 1, 2"
    )
    return [qualified(schema, name) for schema, name in found]


def _raw(connection: psycopg.Connection, table: str) -> list[str]:
    return sorted(r[0] for r in connection.execute(f"SELECT t::text FROM {table} t"))


def _rows(connection: psycopg.Connection, table: str) -> list[str]:
    masked = (_TIME.sub("<time>", _UUID.sub("<uuid>", r)) for r in _raw(connection, table))
    return sorted(masked)


@cache
def _pg_dump() -> str | None:
    try:
        program: str | None = str(find().directory / "pg_dump")
    except PostgresNotFoundError:
        program = shutil.which("pg_dump")
    return program if program and Path(program).exists() else None


def _dumped(url: str) -> str | None:
    program = _pg_dump()
    if program is None:
        return None
    done = subprocess.run(
        [program, "--schema-only", "--no-owner", url], capture_output=True, text=True, check=False
    )
    if "server version mismatch" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    # Newer minor releases write a random word against injection into the dump.
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if not re.match(r"\\(un)?restrict ", line))
