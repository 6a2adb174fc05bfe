"""The SQL of the version table: guard, rows, its own structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic.ddl import DefaultImpl
from sqlalchemy import String, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from fastapi_tenancy.isolation.names import literal, qualified
from fastapi_tenancy.model.plan import VersionChange
from fastapi_tenancy.observe.marker import WORD

_MOVED = "tenancy.moved_to"
"""A setting made up here; it takes the revision a row was moved to, until the transaction ends."""

# Only a table has a file. What does not name pg_class costs a new server process half as much.
_EXPECTED = """
SELECT 1 / (pg_catalog.current_schema() OPERATOR(pg_catalog.=) {schema}
    AND pg_catalog.pg_relation_filenode({literal}::pg_catalog.regclass) IS NOT NULL
    AND (SELECT version_num::text FROM {name}) IS NOT DISTINCT FROM {head}
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d
        WHERE d.objoid = {literal}::pg_catalog.regclass AND d.objsubid = 0
            AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND starts_with(d.description, {word})))::int
"""


def guard_sql(table: str, heads: tuple[str, ...]) -> str:
    """Lock the version table and fail (division by zero) unless it holds exactly ``heads``.

    LOCK TABLE takes no snapshot while it waits, so a concurrent index build of the other
    runner does not wait for us. The lock ends with the transaction.
    """
    expected = f"ARRAY[{', '.join(literal(h) for h in sorted(heads))}]::text[]"
    # Sorting costs a quarter of the guard, and one head has no order.
    order = ' ORDER BY version_num COLLATE "C"' if len(heads) > 1 else ""
    found = f"array(SELECT version_num::text FROM {table}{order})"
    return f"{lock_sql(table)};\nSELECT 1 / ({found} = {expected})::int"


def lock_sql(table: str) -> str:
    """Keep every other runner from reading and writing a marker until this transaction ends."""
    return f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"


def swap_sql(table: str, change: VersionChange) -> list[str]:
    """Guard and change at once, for a table that must hold one row and keeps one.

    The update locks every row and fails (division by zero) at one that is not the expected one; a
    setting that ends with the transaction tells whether there was a row at all. Half as dear as a
    guard that reads the table.
    """
    other = "(1 / (coalesce(length(version_num), 0) * 0))::text"
    moved = f"set_config({literal(_MOVED)}, {literal(change.new or '')}, true)"
    return [
        f"UPDATE {table} SET version_num = CASE version_num WHEN {literal(change.old or '')}"
        f" THEN {moved} ELSE {other} END",
        f"SELECT 1 / (coalesce(current_setting({literal(_MOVED)}, true), '')"
        f" = {literal(change.new or '')})::int",
    ]


def move_sql(table: str, change: VersionChange) -> str:
    """Move the one row, for a statement behind it that looks what became of it.

    What another runner has moved meanwhile, or any other row, becomes NULL, whoever waited for it.
    """
    old, new = literal(change.old or ""), literal(change.new or "")
    return f"UPDATE {table} SET version_num = CASE version_num WHEN {old} THEN {new} END"


def expected_sql(schema: str, table: str, head: str) -> str:
    """A statement that fails (division by zero) unless things are as in most databases of a fleet.

    Tables are made in ``schema``; the version table lies there, with one row; nothing is half done.
    """
    name = qualified(schema, table)
    return _EXPECTED.format(
        name=name,
        literal=literal(name),
        word=literal(WORD),
        schema=literal(schema),
        head=literal(head),
    )


def heads_sql(table: str) -> str:
    """A statement that gives the revisions of a version table, qualified and quoted."""
    return f"SELECT version_num::text FROM {table}"


def change_sql(table: str, change: VersionChange) -> str:
    """The statement that makes one change of version rows."""
    if change.old is None:
        return f"INSERT INTO {table} (version_num) VALUES ({literal(change.new or '')})"
    where = f"WHERE version_num = {literal(change.old)}"
    if change.new is None:
        return f"DELETE FROM {table} {where}"
    return f"UPDATE {table} SET version_num = {literal(change.new)} {where}"


def changes_sql(table: str, changes: Iterable[VersionChange]) -> list[str]:
    """The statements of several changes."""
    return [change_sql(table, change) for change in changes]


def fit(table: Table, known: Iterable[str]) -> Table:
    """Widen the version column when a revision id is longer than Alembic's 32 characters.

    Plain Alembic cannot store such an id unless env.py makes the table itself.
    """
    longest = max(map(len, known), default=0)
    width = getattr(table.c.version_num.type, "length", None)
    if width is not None and longest > width:
        table.c.version_num.type = String(max(128, longest))
    return table


def create_sql(
    name: str, options: Mapping[str, Any], known: Iterable[str], dialect: Dialect
) -> Callable[[str], str]:
    """What gives ``CREATE TABLE`` of the version table for its qualified and quoted name.

    Args:
        name: its bare name.
        options: those that env.py passes to ``context.configure``.
        known: every revision, the longest of which has to fit in.
    """
    impl = DefaultImpl.get_by_dialect(dialect)(dialect, None, True, None, None, dict(options))
    table = impl.version_table_impl(
        version_table=name,
        version_table_schema=None,
        version_table_pk=options.get("version_table_pk", True),
    )
    text = str(CreateTable(fit(table, known)).compile(dialect=dialect)).strip()
    placeholder = dialect.identifier_preparer.format_table(table)
    return lambda qualified: text.replace(placeholder, qualified, 1)
