"""The SQL that lets a table show each tenant its own rows, and that takes this back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fastapi_tenancy.config.rls import RLS_COLUMN, RLS_SETTING, usable_setting
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.exactness import NEEDED, Exact
from fastapi_tenancy.isolation.names import MAX_BYTES, literal, qualified, quote

POLICY = "tenant_rls"
"""The name of the policy, of which each table has its own."""
_INDEX_ENDS = "_rls_idx"
_TAG = "$tenancy$"
# A remark at the policy says what was before it.
_ON = "'row-level security was on before'"
_FORCED = "'row-level security was on and forced before'"
_REMARK = """(SELECT obj_description(oid, 'pg_policy') FROM pg_catalog.pg_policy
    WHERE polrelid = subject AND polname = {policy_text})"""

# Statements that PostgreSQL runs itself: no connection is needed to write them, and the type of
# the column and the indexes there are looked up where they are run. Without a percent sign,
# which offline scripts of Alembic double.
_ENABLE = """
DECLARE
  subject regclass := to_regclass({subject_text});
  kind text;
  needed int;
  said text;
  remark text;
BEGIN
  SELECT format_type(a.atttypid, -1), {needed} INTO kind, needed
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = subject AND a.attname = {column_text}
    AND a.attnum > 0 AND NOT a.attisdropped;
  IF subject IS NULL THEN
    RAISE undefined_table USING MESSAGE = {no_table};
  ELSIF kind IS NULL THEN
    RAISE undefined_column USING MESSAGE = {no_column};
  END IF;
  SELECT CASE WHEN relforcerowsecurity THEN {forced} WHEN relrowsecurity THEN {on} END INTO remark
    FROM pg_catalog.pg_class WHERE oid = subject;
  IF EXISTS (SELECT FROM pg_catalog.pg_policy
    WHERE polrelid = subject AND polname = {policy_text}) THEN
    remark := {remark};
    DROP POLICY {policy} ON {subject};
  END IF;
  said := CASE
    WHEN needed = {setting_level}
    THEN {column_equals} || {case} || kind || {when} || kind || {end}
    WHEN kind NOT IN ('text', 'character varying') OR needed = {bytes_level}
    THEN {column_equals} || {value} || kind || {and_column}
    ELSE {column_equals} || {value} || kind END;
  EXECUTE {create} || ' USING (' || said || ') WITH CHECK (' || said || ')';
  IF remark IS NOT NULL THEN
    EXECUTE {comment} || quote_literal(remark);
  END IF;
  ALTER TABLE {subject} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;{index}
END
"""
_INDEX = """
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = subject AND a.attname = {column_text} AND i.indpred IS NULL AND i.indisvalid)
  THEN
    CREATE INDEX {index} ON {subject} ({column});
  END IF;"""
_DISABLE = """
DECLARE
  subject regclass := to_regclass({subject_text});
  own regclass := (SELECT indexrelid FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = subject AND c.relname = {index_text});
  remark text := {remark};
BEGIN
  IF subject IS NULL THEN
    RAISE undefined_table USING MESSAGE = {no_table};
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_policy
    WHERE polrelid = subject AND polname = {policy_text}) THEN
    DROP POLICY {policy} ON {subject};
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = subject) OR remark = {forced} THEN
    NULL;
  ELSIF remark = {on} THEN
    ALTER TABLE {subject} NO FORCE ROW LEVEL SECURITY;
  ELSE
    ALTER TABLE {subject} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
  END IF;
  IF own IS NOT NULL THEN
    EXECUTE 'DROP INDEX ' || own::text;
  END IF;
END
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPolicy:
    """What keeps the rows of a table apart: its column, and the setting that it has to equal.

    ``schema`` is None for a table that is found by the search path. ``index`` says whether an
    index is made where none leads with the column.

    Raises:
        InvalidNameError: a name that PostgreSQL could not hold.
        ConfigurationError: ``setting`` is not the name of a setting of one's own.
    """

    table: str
    column: str = RLS_COLUMN
    schema: str | None = None
    setting: str = RLS_SETTING
    index: bool = True

    def __post_init__(self) -> None:
        for name in (self.table, self.column, self.schema or self.table):
            quote(name)
        if not usable_setting(self.setting):
            raise ConfigurationError(
                f"setting is {self.setting!r}; expected the name of a setting of your own, with a"
                f" dot in it, such as {RLS_SETTING}"
            )

    @property
    def subject(self) -> str:
        """The table as SQL names it."""
        return qualified(self.schema, self.table) if self.schema else quote(self.table)

    @property
    def index_name(self) -> str:
        """The index that is made where there is none; of 63 bytes at most."""
        whole = f"{self.table}_{self.column}"
        room = MAX_BYTES - len(_INDEX_ENDS)
        if len(whole.encode()) > room:
            digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
            whole = whole.encode()[: room - 9].decode(errors="ignore") + "_" + digest
        return whole + _INDEX_ENDS


def enable_sql(policy: TenantPolicy) -> str:
    """One statement: the policy, forced on the table's owner too, and an index for it.

    The setting is cast to the type of the column, so that an index of it is used. Where other
    texts would be cast to the same value, the text has to be equal as well. Where the setting is
    missing or empty, no row is seen and none can be written.
    """
    index = _INDEX.format(
        index=quote(policy.index_name),
        subject=policy.subject,
        column=quote(policy.column),
        column_text=literal(policy.column),
    )
    return _block(
        _ENABLE.format(
            **_named(policy),
            **_said(policy),
            column_text=literal(policy.column),
            no_column=literal(
                f"enable_tenant_rls: the table {policy.table} has no column {policy.column}; name"
                " the one that says whose a row is (column=...), or add it first"
            ),
            needed=NEEDED,
            setting_level=int(Exact.SETTING),
            bytes_level=int(Exact.BYTES),
            index=index if policy.index else "",
        )
    )


def _said(policy: TenantPolicy) -> dict[str, str]:
    """The pieces of the expression between which the type of the column comes, as literals."""
    column, current = quote(policy.column), f"current_setting({literal(policy.setting)}, true)"
    value = f"NULLIF({current}, '')"
    return {
        "create": literal(f"CREATE POLICY {quote(POLICY)} ON {policy.subject}"),
        "comment": literal(f"COMMENT ON POLICY {quote(POLICY)} ON {policy.subject} IS "),
        "column_equals": literal(f"{column} = "),
        "value": literal(f"{value}::"),
        # With CASE, because the planner takes every other equation for one that few rows meet.
        "case": literal(f"CASE WHEN ({value}::"),
        "when": literal(f")::text = {current} THEN {value}::"),
        "end": literal(" END"),
        "and_column": literal(
            f' AND CASE WHEN {column}::text COLLATE "C" = {current} THEN true ELSE false END'
        ),
    }


def disable_sql(policy: TenantPolicy) -> str:
    """One statement that takes away what ``enable_sql`` made, and nothing else.

    Row-level security stays on where it was on before, and where the table has policies of
    somebody else: without it they would say nothing any more.
    """
    return _block(_DISABLE.format(**_named(policy), index_text=literal(policy.index_name)))


def _named(policy: TenantPolicy) -> dict[str, str]:
    return {
        "subject": policy.subject,
        "subject_text": literal(policy.subject),
        "policy": quote(POLICY),
        "policy_text": literal(POLICY),
        "remark": _REMARK.format(policy_text=literal(POLICY)),
        "on": _ON,
        "forced": _FORCED,
        "no_table": literal(
            f"there is no table {policy.table}"
            + (f" in the schema {policy.schema}" if policy.schema else " in the search path")
            + " to keep tenants apart in; it has to be made first"
        ),
    }


def _block(body: str) -> str:
    tag = _TAG
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"DO {tag}{body}{tag}"
