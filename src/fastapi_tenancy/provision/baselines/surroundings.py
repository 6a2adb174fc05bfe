"""Finds in a scratch place what its statements do not show, and what of it cannot be copied."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from fastapi_tenancy.isolation.names import qualified, quote
from fastapi_tenancy.observe.server import is_pooled
from fastapi_tenancy.provision.baselines.constant import gives_rights
from fastapi_tenancy.provision.baselines.likeness import opens_stars

_PRIVILEGES = """
SELECT coalesce(md5(string_agg(defaclobjtype::text || defaclacl::text, ' '
    ORDER BY defaclobjtype)), '')
FROM pg_catalog.pg_default_acl
WHERE defaclnamespace = 0 AND defaclrole = current_user::regrole
"""
_READS_OTHERS = """
WITH readers AS (
    SELECT 'pg_rewrite'::regclass AS kind, r.oid
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = %(schema)s::regnamespace
    UNION ALL SELECT 'pg_proc'::regclass, oid
    FROM pg_catalog.pg_proc WHERE pronamespace = %(schema)s::regnamespace
), others AS (
    SELECT 'pg_class'::regclass AS kind, oid, relnamespace AS schema FROM pg_catalog.pg_class
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_catalog.pg_proc
)
SELECT EXISTS (SELECT FROM readers r
    JOIN pg_catalog.pg_depend d ON d.classid = r.kind AND d.objid = r.oid
    JOIN others o ON o.kind = d.refclassid AND o.oid = d.refobjid
    WHERE o.schema NOT IN (%(schema)s::regnamespace, 'pg_catalog'::regnamespace))
"""
_OTHERS_DEFAULTS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = %(schema)s::regnamespace AND t.typdefaultbin IS NOT NULL
        AND t.typnamespace <> c.relnamespace)
"""
_VIEWS = """
SELECT relname::text, rtrim(pg_catalog.pg_get_viewdef(oid), ';') FROM pg_catalog.pg_class
WHERE relnamespace = %s::regnamespace AND relkind = 'm' AND relispopulated
"""


def privileges(connection: psycopg.Connection) -> str:
    """Stands for the rights that the server gives to whatever this role makes; empty for none."""
    row = connection.execute(_PRIVILEGES).fetchone()
    return "" if row is None else str(row[0])


def why_not_here(
    connection: psycopg.Connection, schema: str, scripts: Sequence[str], filled: Sequence[str]
) -> str:
    """Why a copy of this schema would differ from what its history makes; empty if it would not."""
    if is_pooled(connection):
        return "a pooler is in between: the settings of pg_dump would be left to others"
    if gives_rights(scripts) and privileges(connection):
        return "changes rights where the role has default privileges, which a copy gets anew"
    if opens_stars(scripts) and _holds(connection, _READS_OTHERS, schema):
        return "a view writes * for the columns of what is not made here"
    if filled and _holds(connection, _OTHERS_DEFAULTS, schema):
        return "a column is of a domain that is not made here and has a default"
    for name, query in connection.execute(_VIEWS, [quote(schema)]).fetchall():
        if _is_stale(connection, qualified(schema, str(name)), str(query)):
            return f"the materialized view {name} holds other rows than its query gives"
    return ""


def _holds(connection: psycopg.Connection, question: str, schema: str) -> bool:
    row = connection.execute(question.encode(), {"schema": quote(schema)}).fetchone()
    return row is not None and bool(row[0])


def _is_stale(connection: psycopg.Connection, view: str, query: str) -> bool:
    held, given = f"SELECT v::text FROM {view} v", f"SELECT q::text FROM ({query}) q"
    row = connection.execute(
        f"SELECT EXISTS ({held} EXCEPT ALL {given}) OR EXISTS ({given} EXCEPT ALL {held})".encode()
    ).fetchone()
    return row is not None and bool(row[0])
