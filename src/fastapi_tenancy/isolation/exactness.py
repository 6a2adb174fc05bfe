"""How a column has to be compared with a setting, so that no two ids are one tenant."""

from __future__ import annotations

from enum import IntEnum


class Exact(IntEnum):
    """What a comparison looks at; each keeps apart what the ones before it do."""

    MERGED = -1
    """What casts leave of them: ids that differ may be one."""
    TYPE = 0
    """Values of the column's type: ``1`` and ``01`` are one number."""
    SETTING = 1
    """Such values, and the setting has to be written as PostgreSQL writes its value."""
    TEXT = 2
    """Texts."""
    BYTES = 3
    """Texts, whatever the collation takes for equal."""


_ONE_TEXT = ("int2", "int4", "int8", "uuid", "bpchar", "name", "text", "varchar")
"""Types whose equal values have one text; numeric, citext and others have several."""

NEEDED = f"""CASE
  WHEN EXISTS (SELECT FROM pg_catalog.pg_collation l
    WHERE l.oid = a.attcollation AND NOT l.collisdeterministic) THEN {Exact.BYTES:d}
  WHEN a.atttypid IN (CAST('text' AS regtype), CAST('varchar' AS regtype)) THEN {Exact.TEXT:d}
  WHEN EXISTS (SELECT FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    WHERE t.oid = a.atttypid AND (b.typtype = 'e' OR b.oid IN
      ({", ".join(f"CAST('{kind}' AS regtype)" for kind in _ONE_TEXT)}))) THEN {Exact.SETTING:d}
  ELSE {Exact.TEXT:d} END"""
"""SQL: what a column ``a`` of ``pg_attribute`` needs, of ``Exact``."""
