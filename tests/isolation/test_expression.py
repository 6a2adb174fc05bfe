"""Which expressions of a policy say that a column equals a setting, in PostgreSQL's own spelling."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.isolation.expression import Form, tenant_form
from fastapi_tenancy.observe.policies import securities, security_sql

APART = Form("tenant_id", "app.tenant_id")
TABLE = """
CREATE DOMAIN key AS uuid;
CREATE TYPE "Mood" AS ENUM ('calm', 'wild');
CREATE TABLE t (id int, tenant_id {kind}, "a ""b"" = c" text, admin boolean)
"""
SETTING = "current_setting('app.tenant_id', true)"


@pytest.mark.parametrize(
    ("kind", "using"),
    [
        ("uuid", f"tenant_id = NULLIF({SETTING}, '')::uuid"),
        ("uuid", "tenant_id = current_setting('app.tenant_id')::uuid"),
        ("uuid", f"tenant_id::text = {SETTING}"),
        ("uuid", f"({SETTING})::uuid = tenant_id"),
        ("uuid", f"tenant_id = (SELECT {SETTING}::uuid)"),
        ("uuid", f"tenant_id = (SELECT NULLIF({SETTING}, '')::uuid AS who)"),
        ("key", f"tenant_id = NULLIF({SETTING}, '')::key"),
        ('"Mood"', f'tenant_id = {SETTING}::"Mood"'),
        ("text", f"tenant_id = {SETTING}"),
        ("varchar(9)", f"tenant_id = NULLIF({SETTING}, '')::varchar"),
        ("char(9)", f"tenant_id = NULLIF({SETTING}, '')::bpchar"),
        ("bigint", f"tenant_id = {SETTING}::bigint"),
        ("int", f"tenant_id = {SETTING}::bigint"),
        ("numeric(9, 2)", f"tenant_id = {SETTING}::numeric"),
        ("timestamptz", f"tenant_id = {SETTING}::timestamptz"),
    ],
)
def test_what_keeps_tenants_apart(tenancy_database: str, kind: str, using: str) -> None:
    assert _form(tenancy_database, kind, using) == APART


@pytest.mark.parametrize(
    "using",
    [
        "true",
        "tenant_id IS NOT NULL",
        f"tenant_id = {SETTING} OR admin",
        f"(tenant_id = {SETTING}) = admin",
        f"tenant_id = {SETTING} OR tenant_id IS NULL",
        f"NOT (tenant_id = {SETTING})",
        f"tenant_id <> {SETTING}",
        f"tenant_id >= {SETTING}",
        f"lower(tenant_id) = {SETTING}",
        f"tenant_id::char(1) = {SETTING}::char(1)",
        f"(tenant_id = 'x')::text = {SETTING}",
        f"tenant_id = coalesce({SETTING}, tenant_id)",
        f"tenant_id = NULLIF({SETTING}, 'x')",
        f"tenant_id = {SETTING} || ''",
        "tenant_id = current_user::text",
        "tenant_id = (SELECT min(tenant_id) FROM t)",
        f"{SETTING} = 'x'",
        "tenant_id = tenant_id",
    ],
)
def test_what_says_anything_else(tenancy_database: str, using: str) -> None:
    assert _form(tenancy_database, "text", using) is None


def test_names_of_any_kind(tenancy_database: str) -> None:
    using = '"a ""b"" = c" = NULLIF(current_setting(\'a.b\', true), \'\')'
    assert _form(tenancy_database, "text", using) == Form('a "b" = c', "a.b")
    assert tenant_form(None) is None
    assert tenant_form("") is None


def _form(url: str, kind: str, using: str) -> Form | None:
    with psycopg.connect(url) as connection:
        connection.execute(TABLE.format(kind=kind).encode())
        connection.execute(f"CREATE POLICY p ON t USING ({using})".encode())
        (table,) = securities(connection.execute(security_sql().encode()).fetchall())
    assert (table.visible, table.columns[1]) == (True, "tenant_id")
    return tenant_form(table.policies[0].using)
