"""Finds views over tables with policies that show the rows of all tenants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tenancy.isolation.names import literal

# A view reads as its owner, unless it says security_invoker; a materialized view holds what its
# owner saw. The view of a view reads as its own owner, to whom the first shows all rows. As in
# the query for tables, there is no percent sign and no lonely colon.
_VIEWS = """
WITH RECURSIVE secured AS (
    SELECT c.oid, c.relowner, c.relforcerowsecurity AS forced
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) AND {reached}
), reading AS (
    SELECT DISTINCT v.oid, d.refobjid AS source, v.relkind, o.oid AS owner,
        o.rolsuper OR o.rolbypassrls AS above,
        EXISTS (SELECT FROM pg_catalog.pg_options_to_table(v.reloptions)
            WHERE option_name = 'security_invoker' AND CAST(option_value AS bool)) AS invoker
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
    WHERE d.classid = CAST('pg_rewrite' AS regclass)
      AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid <> v.oid
), touching AS (
    SELECT oid FROM secured
    UNION SELECT r.oid FROM reading r JOIN touching t ON t.oid = r.source WHERE r.relkind = 'v'
), exposed AS (
    SELECT r.oid FROM reading r JOIN touching t ON t.oid = r.source WHERE r.relkind = 'm'
    UNION
    SELECT r.oid FROM reading r JOIN secured s ON s.oid = r.source
    WHERE r.relkind = 'v' AND NOT r.invoker AND (r.above OR NOT s.forced
        AND pg_catalog.pg_has_role(r.owner, s.relowner, 'USAGE'))
), shown AS (
    SELECT oid FROM exposed
    UNION SELECT r.oid FROM reading r JOIN shown b ON b.oid = r.source
    JOIN pg_catalog.pg_class c ON c.oid = b.oid AND c.relkind = 'v'
    WHERE r.relkind = 'v' AND NOT r.invoker
)
SELECT CAST(CAST(v.oid AS regclass) AS text), v.relkind = 'm', CAST(o.rolname AS text),
    EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = v.oid
        AND a.attname = {column} AND NOT a.attisdropped),
    pg_catalog.has_schema_privilege(asking.oid, v.relnamespace, 'USAGE') AND (
        pg_catalog.has_table_privilege(asking.oid, v.oid, 'SELECT, INSERT, UPDATE, DELETE')
        OR pg_catalog.has_any_column_privilege(asking.oid, v.oid, 'SELECT, INSERT, UPDATE'))
FROM shown JOIN pg_catalog.pg_class v ON v.oid = shown.oid
JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
JOIN pg_catalog.pg_roles asking ON asking.rolname = {role}
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class OpenView:
    """A view that shows the rows of all tenants.

    ``whose`` says whether it has the tenant's column, ``reached`` whether a role may use it.
    """

    name: str
    materialized: bool
    owner: str
    whose: bool
    reached: bool

    @property
    def leaks(self) -> bool:
        """True where the role gets at rows of all tenants, and not at sums of them, say."""
        return self.reached and (self.whose or not self.materialized)

    @property
    def found(self) -> str:
        """What is the matter with it."""
        if self.materialized:
            return f"the materialized view {self.name} holds the same rows for every tenant"
        return f"the view {self.name} reads as its owner {self.owner}, for whom no policy holds"

    @property
    def mending(self) -> str:
        """What to do about it."""
        if self.materialized:
            return (
                f"REVOKE ALL ON {self.name} from the role, and let it read a view of it WHERE the"
                " column equals the setting"
            )
        return (
            f"ALTER VIEW {self.name} SET (security_invoker = true), from PostgreSQL 15 on; or give"
            " it an owner for whom policies hold, or REVOKE ALL on it from the role"
        )


def views_sql(role: str, column: str, reached: str = "true") -> str:
    """The query for such views.

    Args:
        role: SQL that gives the name of the role that asks.
        column: the one that says whose a row is.
        reached: a condition on the tables below, ``c``, and their schemas, ``n``.
    """
    return _VIEWS.format(role=role, column=literal(column), reached=reached)


def open_views(rows: Iterable[Sequence[Any]]) -> list[OpenView]:
    """The views of the rows that ``views_sql`` gave."""
    return [OpenView(*row) for row in rows]
