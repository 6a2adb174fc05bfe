"""Which expressions of a policy say that a column equals a setting, in PostgreSQL's own spelling."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.isolation.exactness import Exact
from fastapi_tenancy.isolation.expression import Form, tenant_form
from fastapi_tenancy.isolation.policy import TenantPolicy, enable_sql
from fastapi_tenancy.migrations.rls.judging import needs_enabling
from fastapi_tenancy.observe.policies import securities, security_sql

COLUMN = ("tenant_id", "app.tenant_id")
TABLE = """
CREATE DOMAIN key AS uuid;
CREATE DOMAIN cut AS varchar(3);
CREATE COLLATION "any case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE "Mood" AS ENUM ('calm', 'wild');
CREATE TABLE t (id int, tenant_id {kind}, "a ""b"" = c" text, admin boolean)
"""
SETTING = "current_setting('app.tenant_id', true)"


TYPE, SETTING_TOO, TEXT, BYTES = Exact.TYPE, Exact.SETTING, Exact.TEXT, Exact.BYTES


@pytest.mark.parametrize(
    ("kind", "using", "exact"),
    [
        ("uuid", f"tenant_id = NULLIF({SETTING}, '')::uuid", TYPE),
        ("uuid", "tenant_id = current_setting('app.tenant_id')::uuid", TYPE),
        ("uuid", f"tenant_id::text = {SETTING}", TEXT),
        ("uuid", f"({SETTING})::uuid = tenant_id", TYPE),
        ("uuid", f"tenant_id = (SELECT {SETTING}::uuid)", TYPE),
        ("uuid", f"tenant_id = (SELECT NULLIF({SETTING}, '')::uuid AS who)", TYPE),
        ("uuid", f"tenant_id = {SETTING}::uuid AND {SETTING}::uuid::text = {SETTING}", SETTING_TOO),
        ("uuid", f"{SETTING} = {SETTING}::uuid::text AND tenant_id = {SETTING}::uuid", SETTING_TOO),
        ("uuid", f"tenant_id = {SETTING}::uuid AND {SETTING}::int::text = {SETTING}", TYPE),
        ("uuid", f"tenant_id = {SETTING}::uuid AND tenant_id::text = {SETTING}", TEXT),
        ("key", f"tenant_id = NULLIF({SETTING}, '')::key", TYPE),
        ('"Mood"', f'tenant_id = {SETTING}::"Mood"', TYPE),
        ("text", f"tenant_id = {SETTING}", TEXT),
        ("text", f'tenant_id COLLATE "C" = {SETTING}', BYTES),
        ("text", f"tenant_id = ({SETTING}::uuid)::text", TYPE),
        ("varchar(9)", f"tenant_id = NULLIF({SETTING}, '')::varchar", TEXT),
        ("char(9)", f"tenant_id = NULLIF({SETTING}, '')::bpchar", TYPE),
        ("bigint", f"tenant_id = {SETTING}::bigint", TYPE),
        ("int", f"tenant_id = {SETTING}::bigint", TYPE),
        ("int", f"tenant_id = {SETTING}::numeric", TYPE),
        ("numeric(9, 2)", f"tenant_id = {SETTING}::numeric", TYPE),
        ("timestamptz", f"tenant_id = {SETTING}::timestamptz", TYPE),
    ],
)
def test_what_keeps_tenants_apart(
    tenancy_database: str, kind: str, using: str, exact: Exact
) -> None:
    assert _form(tenancy_database, kind, using) == Form(*COLUMN, exact)


OWN = [
    *("uuid", "key", '"Mood"', "text", "varchar(9)", "char(9)", "bigint", "int", "numeric(9, 2)"),
    *(
        "timestamptz",
        '"char"',
        "name",
        "boolean",
        "float8",
        "inet",
        "cut",
        'text COLLATE "any case"',
    ),
]


@pytest.mark.parametrize("kind", OWN)
def test_what_is_written_here_is_known_again(tenancy_database: str, kind: str) -> None:
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute(TABLE.format(kind=kind).encode())
        connection.execute(enable_sql(TenantPolicy(table="t")).encode())
        table = securities(connection.execute(security_sql().encode()).fetchall())[0]
    for said in (table.policies[0].using, table.policies[0].check):
        form = tenant_form(said, table.types)
        assert form is not None, said
        assert (form.column, form.setting) == COLUMN
        assert form.exact >= table.columns["tenant_id"].needed
        assert not needs_enabling(table, TenantPolicy(table="t"))


@pytest.mark.parametrize(
    ("kind", "using"),
    [
        ("text", f'tenant_id = ({SETTING}::"char")::text'),
        ("text", f"tenant_id = {SETTING}::name"),
        ("text", f"tenant_id::uuid = {SETTING}::uuid"),
        ("numeric", f"tenant_id::integer = {SETTING}::integer"),
        ("numeric", f"tenant_id::int = {SETTING}::int AND {SETTING}::int::text = {SETTING}"),
        ("bigint", f"tenant_id = {SETTING}::numeric::bigint"),
        ("int", f"tenant_id = {SETTING}::float::int"),
        ("boolean", f"tenant_id = {SETTING}::boolean"),
        ('"char"', f'tenant_id = {SETTING}::"char"'),
        ("varchar(9)", f"tenant_id = {SETTING}::varchar(3)"),
        ("uuid", f"{SETTING}::uuid::text = {SETTING}"),
        ("uuid", f"tenant_id = {SETTING}::uuid AND admin"),
        ("uuid", f"tenant_id = {SETTING}::uuid OR {SETTING}::uuid::text = {SETTING}"),
        ("uuid", f"tenant_id = {SETTING}::uuid AND tenant_id = current_setting('a.b')::uuid"),
    ],
)
def test_casts_that_make_one_of_two(tenancy_database: str, kind: str, using: str) -> None:
    assert _form(tenancy_database, kind, using) is None


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
    assert _form(tenancy_database, "text", using) == Form('a "b" = c', "a.b", TEXT)
    assert tenant_form(None, {}) is None
    assert tenant_form("", {}) is None


def _form(url: str, kind: str, using: str) -> Form | None:
    with psycopg.connect(url) as connection:
        connection.execute(TABLE.format(kind=kind).encode())
        connection.execute(f"CREATE POLICY p ON t USING ({using})".encode())
        (table,) = securities(connection.execute(security_sql().encode()).fetchall())
    assert (table.visible, [*table.columns][1]) == (True, "tenant_id")
    return tenant_form(table.policies[0].using, table.types)
