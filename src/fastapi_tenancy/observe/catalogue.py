"""The query that describes the objects of some schemas, found by index and not by scanning.

A catalogue has no index by schema, but ``pg_depend`` has one by what an object depends on, and
every object depends on its schema. So the cost of a read does not grow with the fleet.
"""

from __future__ import annotations

SETTINGS = (
    # Definitions come out qualified or not by the search path: make it the same for all.
    "SET LOCAL search_path TO pg_catalog",
    # A server that has not been analysed yet guesses wrong and scans the whole catalogue;
    # compiling the query would cost more than running it.
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL jit = off",
)
"""To be set in the transaction that reads."""

_FOUND = """
WITH owned AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_namespace'::regclass AND refobjid = ANY(%(oids)s)
), types AS MATERIALIZED (
    SELECT t.* FROM owned o JOIN pg_type t ON t.oid = o.objid
    WHERE o.classid = 'pg_type'::regclass
), rels AS MATERIALIZED (
    SELECT c.* FROM pg_class c WHERE c.oid = ANY(ARRAY(
        SELECT objid FROM owned WHERE classid = 'pg_class'::regclass
        UNION ALL SELECT typrelid FROM types WHERE typtype = 'c'))
)
"""
# The first part gives the columns their types; "name" would be cut at 63 bytes.
_RELATIONS = """
SELECT c.relnamespace, 'rel', c.relname::text, concat_ws('|', c.relkind, c.relpersistence,
    c.relrowsecurity, c.relforcerowsecurity, c.reloptions::text,
    pg_get_expr(c.relpartbound, c.oid), CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
FROM rels c WHERE c.relkind IN ('r','p','v','m','f','S','c')
"""
_COLUMNS = """
SELECT c.relnamespace, 'col', c.relname || '.' || a.attname, concat_ws('|',
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
    pg_get_expr(d.adbin, d.adrelid))
FROM rels c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
"""
_INDEXES = """
SELECT c.relnamespace, 'idx', x.relname,
    concat_ws('|', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident, i.indisclustered)
FROM rels c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
"""
_CONSTRAINTS = """
SELECT k.connamespace, 'con', c.relname || '.' || k.conname,
    concat_ws('|', pg_get_constraintdef(k.oid), k.convalidated)
FROM rels c JOIN pg_constraint k ON k.conrelid = c.oid WHERE k.contype <> 'n'
"""
_DOMAIN_CONSTRAINTS = """
SELECT k.connamespace, 'con', t.typname || '.' || k.conname,
    concat_ws('|', pg_get_constraintdef(k.oid), k.convalidated)
FROM types t JOIN pg_constraint k ON k.contypid = t.oid
WHERE t.typtype = 'd' AND k.contype <> 'n'
"""
_SEQUENCES = """
SELECT c.relnamespace, 'seq', c.relname, concat_ws('|', s.seqtypid::regtype, s.seqstart,
    s.seqincrement, s.seqmax, s.seqmin, s.seqcycle,
    (SELECT o.relname || '.' || a.attname FROM pg_depend d JOIN pg_class o ON o.oid = d.refobjid
     JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.deptype IN ('a', 'i') LIMIT 1))
FROM rels c JOIN pg_sequence s ON s.seqrelid = c.oid WHERE c.relkind = 'S'
"""
_TYPES = """
SELECT t.typnamespace, 'typ', t.typname, concat_ws('|', t.typtype, t.typnotnull, t.typdefault,
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
    (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
     FROM pg_enum e WHERE e.enumtypid = t.oid))
FROM types t WHERE t.typtype IN ('e', 'd', 'r')
"""
_FUNCTIONS = """
SELECT p.pronamespace, 'fun', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE WHEN p.prokind IN ('a', 'w') THEN p.prokind::text ELSE pg_get_functiondef(p.oid) END
FROM owned o JOIN pg_proc p ON p.oid = o.objid
WHERE o.classid = 'pg_proc'::regclass
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                    AND d.objid = p.oid AND d.deptype = 'e')
"""
_TRIGGERS = """
SELECT c.relnamespace, 'trg', c.relname || '.' || g.tgname,
    concat_ws('|', pg_get_triggerdef(g.oid), g.tgenabled)
FROM rels c JOIN pg_trigger g ON g.tgrelid = c.oid WHERE NOT g.tgisinternal
"""
_POLICIES = """
SELECT c.relnamespace, 'pol', c.relname || '.' || p.polname, concat_ws('|', p.polcmd,
    p.polpermissive, p.polroles::regrole[]::text, pg_get_expr(p.polqual, p.polrelid),
    pg_get_expr(p.polwithcheck, p.polrelid))
FROM rels c JOIN pg_policy p ON p.polrelid = c.oid
"""
_EXTENSIONS = """
SELECT e.extnamespace, 'ext', e.extname, e.extversion
FROM owned o JOIN pg_extension e ON e.oid = o.objid WHERE o.classid = 'pg_extension'::regclass
"""
OBJECTS = _FOUND + " UNION ALL ".join(
    part.strip()
    for part in (
        _RELATIONS,
        _COLUMNS,
        _INDEXES,
        _CONSTRAINTS,
        _DOMAIN_CONSTRAINTS,
        _SEQUENCES,
        _TYPES,
        _FUNCTIONS,
        _TRIGGERS,
        _POLICIES,
        _EXTENSIONS,
    )
)
"""Rows of schema oid, kind, name and definition; takes the schemas as ``oids``."""
