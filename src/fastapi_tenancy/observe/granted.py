"""What a role may do with tables, and by whose grants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

USED = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""What an application does with a table of its tenants."""
WRITING = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

# A right to some columns is one to use the table. Only the sequence of a serial column needs a
# right of its own; an identity column needs none.
_GRANTED = """
SELECT n.nspname::text, c.relname::text, c.oid::regclass::text,
    pg_get_userbyid(c.relowner)::text, pg_has_role(r.oid, c.relowner, 'USAGE'),
    has_schema_privilege(r.oid, n.oid, 'USAGE'),
    ARRAY(SELECT p FROM unnest(%(privileges)s::text[]) WITH ORDINALITY AS w (p, number)
        WHERE has_table_privilege(r.oid, c.oid, p) OR CASE WHEN p IN ('SELECT', 'INSERT', 'UPDATE')
            THEN has_any_column_privilege(r.oid, c.oid, p) ELSE false END ORDER BY number),
    ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE g.rolname::text END
        FROM (SELECT e.* FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
            UNION ALL SELECT e.* FROM pg_catalog.pg_attribute t, aclexplode(t.attacl) e
            WHERE t.attrelid = c.oid AND NOT t.attisdropped) a
        LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
        WHERE a.privilege_type = ANY(%(privileges)s::text[])
            AND (a.grantee = 0 OR pg_has_role(r.oid, a.grantee, 'USAGE'))),
    ARRAY(SELECT s.oid::regclass::text FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class s ON s.oid = d.objid
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = c.oid AND d.deptype = 'a' AND CASE s.relkind WHEN 'S'
                THEN NOT has_sequence_privilege(r.oid, s.oid, 'USAGE, UPDATE') ELSE false END)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles r ON r.rolname = coalesce(%(role)s, current_user::text)
JOIN unnest(%(schemas)s::text[], %(tables)s::text[]) AS asked (nspname, relname)
    ON c.relname = asked.relname AND n.nspname = coalesce(asked.nspname, n.nspname)
WHERE c.relkind IN ('r', 'p') AND (asked.nspname IS NOT NULL OR pg_table_is_visible(c.oid))
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Granted:
    """A table and what a role may do with it; ``name`` is as SQL needs it.

    ``owns`` says that the role has the rights of the owner, ``reached`` that it may use the
    schema. ``grantees`` are the roles by which it has ``privileges``. ``sequences`` fill columns,
    and the role may not use them.
    """

    schema: str
    table: str
    name: str
    owner: str
    owns: bool
    reached: bool
    privileges: tuple[str, ...]
    grantees: tuple[str, ...]
    sequences: tuple[str, ...]


def read_granted(
    connection: psycopg.Connection,
    role: str | None,
    tables: Sequence[tuple[str | None, str]],
    privileges: Sequence[str],
) -> list[Granted]:
    """Read which of some privileges a role has; tables that do not exist are left out.

    Args:
        role: by default that of the connection.
        tables: schema and name; without a schema, one that the search path finds.
    """
    asked = {
        "role": role,
        "privileges": list(privileges),
        "schemas": [schema for schema, _ in tables],
        "tables": [name for _, name in tables],
    }
    rows = connection.execute(_GRANTED, asked).fetchall()
    return [Granted(*row[:-3], *map(tuple, row[-3:])) for row in rows]
