"""Reads how far tables keep rows apart: flags, policies, columns and owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tenancy.isolation.exactness import NEEDED, Exact
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
    columns.names, columns.types, columns.needed,
    CAST(p.polname AS text), CAST(p.polcmd AS text), p.polpermissive, 0 = ANY (p.polroles),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM places n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
CROSS JOIN LATERAL (
    SELECT array_agg(CAST(a.attname AS text)) AS names,
        array_agg(format_type(a.atttypid, -1)) AS types, array_agg({needed}) AS needed
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) columns
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
class Kind:
    """The type of a column, and what it takes to compare it with a setting."""

    type: str
    needed: Exact


@dataclass(frozen=True, slots=True)
class TableSecurity:
    """What keeps the rows of a table apart; ``visible`` says whether the search path finds it."""

    schema: str
    table: str
    visible: bool
    owner: str
    enabled: bool
    forced: bool
    columns: Mapping[str, Kind]
    policies: tuple[Policy, ...]

    @property
    def types(self) -> Mapping[str, str]:
        """The types of the columns, as ``tenant_form`` needs them."""
        return {name: kind.type for name, kind in self.columns.items()}


def security_sql(schemas: Iterable[str] = ()) -> str:
    """The query for the tables of the search path, and of these schemas too."""
    return _TABLES.format(schemas=", ".join(map(literal, schemas)) or "NULL", needed=NEEDED)


def securities(rows: Iterable[Sequence[Any]]) -> list[TableSecurity]:
    """The tables of the rows that ``security_sql`` gave.

    A table that another one of its name hides from the search path is not visible.
    """
    tables: dict[tuple[str, str], tuple[Sequence[Any], list[Policy]]] = {}
    for row in rows:
        _, policies = tables.setdefault((row[0], row[1]), (row, []))
        if row[9] is not None:
            policies.append(Policy(*row[9:15]))
    found, seen = [], set[str]()
    for (schema, name), (row, policies) in tables.items():
        visible = row[2] is not None and name not in seen
        if visible:
            seen.add(name)
        found.append(
            TableSecurity(
                schema, name, visible, row[3], row[4], row[5], _columns(*row[6:9]), tuple(policies)
            )
        )
    return found


def _columns(
    names: Sequence[str] | None, types: Sequence[str] | None, needed: Sequence[int] | None
) -> Mapping[str, Kind]:
    rows = zip(names or (), types or (), needed or (), strict=True)
    return {name: Kind(kind, Exact(exact)) for name, kind, exact in rows}
