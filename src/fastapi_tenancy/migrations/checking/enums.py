"""Compares the values of native enums: those of the models, and those that the columns take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.migrations.comparing.aiming import Aiming

_VALUES = sa.text("""
SELECT a.attname, t.typname,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
          FROM pg_enum e WHERE e.enumtypid = t.oid)
  FROM pg_attribute a
  JOIN pg_type own ON own.oid = a.atttypid
  JOIN pg_type t ON t.oid = CASE WHEN own.typelem <> 0 THEN own.typelem ELSE own.oid END
 WHERE a.attrelid = to_regclass(:named) AND NOT a.attisdropped AND t.typtype = 'e'
""")
"""The values of the enums of a table, in arrays too, by column."""


def compared_enums(aiming: Aiming, where: str) -> Iterator[Finding]:
    """What the models' enums and those of the place do not have in common, once for each type."""
    connection, told = aiming.connection, set[str]()
    if connection.dialect.name != "postgresql":
        return
    for table in aiming.compared_tables():
        models = {c.name: _enum(c.type, connection.dialect) for c in table.columns}
        if not any(models.values()):
            continue
        named = ".".join(quote(part) for part in (table.schema, table.name) if part)
        for column, name, values in connection.execute(_VALUES, {"named": named}).all():
            enum = models.get(column)
            if enum is None:
                continue  # another type altogether: Alembic says so
            for finding in _differences(enum.enums, name, values or ()):
                if finding.found not in told:
                    told.add(finding.found)
                    yield replace(finding, where=where, table=table.name, schema=table.schema)


def _enum(type_: Any, dialect: sa.Dialect) -> sa.Enum | None:
    """The native enum of a column, in an array or behind a decorator too."""
    found = type_.dialect_impl(dialect)
    while isinstance(found, (sa.types.TypeDecorator, sa.ARRAY)):
        inner: Any = found
        if isinstance(found, sa.types.TypeDecorator):
            found = inner.impl_instance
        else:
            found = inner.item_type.dialect_impl(dialect)
    return found if isinstance(found, sa.Enum) and found.native_enum else None


def _differences(models: Sequence[str], name: str, there: Sequence[str]) -> Iterator[Finding]:
    missing = [value for value in models if value not in there]
    if missing:
        yield Finding(
            subject=Subject.MODELS,
            where="",
            found=f"the enum {name} has no {_listed(missing)}, in the models it has",
            do=f'op.execute("ALTER TYPE {name} ADD VALUE ...") in a revision',
        )
    surplus = [value for value in there if value not in models]
    if surplus:
        yield Finding(
            subject=Subject.MODELS,
            where="",
            found=f"the enum {name} has {_listed(surplus)}, in the models it has not",
            do="",
            note=True,  # PostgreSQL takes no value away: many let it be
        )


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(repr, values))
