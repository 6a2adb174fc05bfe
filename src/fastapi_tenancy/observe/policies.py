"""Reads how far tables keep rows apart: flags, policies, columns and owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tenancy.isolation.names import literal

# One query for all tables, read by whichever driver there is: values are in the text, and
# neither a percent sign nor a colon, which drivers and SQLAlchemy take for their own.
_TABLES = """
WITH path AS (
    SELECT nspname, number
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (nspname, number)
), places AS (
    SELECT n.oid, n.nspname, p.number FROM pg_catalog.pg_namespace n
    LEFT JOIN path p ON p.nspname = n.nspname
    WHERE p.number IS NOT NULL OR n.nspname IN ({schemas})
)
SELECT CAST(n.nspname AS text), CAST(c.relname AS text), n.number,
    CAST(pg_get_userbyid(c.relowner) AS text), c.relrowsecurity, c.relforcerowsecurity,
    ARRAY(SELECT CAST(a.attname AS text) FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    CAST(p.polname AS text), CAST(p.polcmd AS text), p.polpermissive, 0 = ANY (p.polroles),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM places n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY n.number NULLS LAST, n.nspname, c.relname, p.polname
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: ``command`` is ``*`` for all, or r, a, w, d for SELECT, INSERT, UPDATE, DELETE."""

    name: str
    command: str
    permissive: bool
    for_everybody: bool
    using: str | None
    check: str | None


@dataclass(frozen=True, slots=True)
class TableSecurity:
    """What keeps the rows of a table apart; ``visible`` says whether the search path finds it."""

    schema: str
    table: str
    visible: bool
    owner: str
    enabled: bool
    forced: bool
    columns: tuple[str, ...]
    policies: tuple[Policy, ...]


def security_sql(schemas: Iterable[str] = ()) -> str:
    """The query for the tables of the search path, and of these schemas too."""
    return _TABLES.format(schemas=", ".join(map(literal, schemas)) or "NULL")


def securities(rows: Iterable[Sequence[Any]]) -> list[TableSecurity]:
    """The tables of the rows that ``security_sql`` gave.

    A table that another one of its name hides from the search path is not visible.
    """
    tables: dict[tuple[str, str], tuple[Sequence[Any], list[Policy]]] = {}
    for row in rows:
        _, policies = tables.setdefault((row[0], row[1]), (row, []))
        if row[7] is not None:
            policies.append(Policy(*row[7:13]))
    found, seen = [], set[str]()
    for (schema, name), (row, policies) in tables.items():
        visible = row[2] is not None and name not in seen
        if visible:
            seen.add(name)
        found.append(
            TableSecurity(
                schema, name, visible, row[3], row[4], row[5], tuple(row[6]), tuple(policies)
            )
        )
    return found
