"""Makes schemas by the thousand: the server makes them itself, a commit for each chunk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from bench.project import FIRST, tables_sql

MAKERS = 2
LOCKS = 1500
"""Locks a chunk may take: a table with its index, its TOAST table and that one's index take 4."""

_MAKE = """
DO $make$
BEGIN
    FOR number IN {first}..{last} LOOP
        EXECUTE format('CREATE SCHEMA %I', 'tenant_' || number);
        PERFORM set_config('search_path', quote_ident('tenant_' || number), true);
        EXECUTE $sql$
            CREATE TABLE alembic_version (version_num varchar(32) NOT NULL,
                CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
            INSERT INTO alembic_version VALUES ('{revision}');
            {tables};
            {rows}
        $sql$;
        IF number % {chunk} = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$make$
"""


def schema(number: int) -> str:
    """The schema of the tenant of that number."""
    return f"tenant_{number}"


def make_fleet(url: str, count: int, tables: int, rows: int = 0) -> None:
    """Make ``count`` schemas that stand at the first revision, then settle the server.

    Args:
        rows: rows in the first table of each.
    """
    share = -(-count // MAKERS)
    parts = [(n, min(n + share, count) - 1) for n in range(0, count, share)]
    with ThreadPoolExecutor(MAKERS) as pool:
        list(pool.map(lambda part: _make(url, part[0], part[1], tables, rows), parts))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _make(url: str, first: int, last: int, tables: int, rows: int) -> None:
    filled = "INSERT INTO item_0 SELECT n, 'name ' || n FROM generate_series(1, {}) n;"
    statement = _MAKE.format(
        first=first,
        last=last,
        revision=FIRST,
        tables=tables_sql(tables),
        rows=filled.format(rows) if rows else "",
        chunk=max(1, LOCKS // (4 * tables + 4)),
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
