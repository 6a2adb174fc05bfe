"""What makes the same for every tenant can be copied, and nothing else is."""

from __future__ import annotations

import pytest

from fastapi_tenancy.provision.baselines.constant import why_not

ROLES = "CREATE TABLE roles (id SERIAL NOT NULL, name VARCHAR(20) NOT NULL, PRIMARY KEY (id))"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO roles (name) VALUES ('admin'), ('it''s now')",
        "INSERT INTO roles (id, name) VALUES (1, upper('x')), (2, coalesce(NULL, 'y')::varchar(20))",
        "INSERT INTO roles (name) VALUES ('a') ON CONFLICT (id) DO UPDATE SET name = 'b'",
        "UPDATE roles SET name = lower(name) WHERE id IN (1, 2)",
        "DELETE FROM roles WHERE name = 'admin'",
        "ALTER TABLE roles ADD COLUMN rank INTEGER DEFAULT 1 NOT NULL, ADD COLUMN x TEXT DEFAULT NULL",
        "ALTER TABLE roles ALTER COLUMN name TYPE TEXT USING trim(name)",
        "CREATE TABLE log (at TIMESTAMP DEFAULT now(), by TEXT DEFAULT CURRENT_USER)",
        "CREATE TABLE t (id INT REFERENCES roles (id), at TIMESTAMP DEFAULT now())",
        "CREATE INDEX CONCURRENTLY ix ON roles (lower(name))",
        "CREATE VIEW v AS SELECT r.name, now() AS at FROM roles r JOIN public.users u ON u.id = r.id",
        "COMMENT ON COLUMN roles.name IS 'now'",
        "GRANT SELECT ON roles TO PUBLIC",
        "SET LOCAL lock_timeout = '1s'",
        "ALTER TABLE roles ADD FOREIGN KEY (id) REFERENCES public.users (id) ON DELETE CASCADE",
        "CREATE SEQUENCE s; INSERT INTO roles (id, name) VALUES (nextval('s'::regclass), 'x')",
        "ALTER TABLE roles ALTER id SET DEFAULT nextval('roles_id_seq')",
        "CREATE TABLE t (LIKE roles INCLUDING ALL, CHECK (name LIKE 'x%'))",
        "CREATE TABLE t () INHERITS (roles)",
        "INSERT INTO roles (name) VALUES ('today we open')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT random()::int; $$",
    ],
)
def test_what_is_the_same_at_any_time(sql: str) -> None:
    assert why_not([ROLES, sql], ["roles"]) == ""


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("INSERT INTO roles (name) VALUES (gen_random_uuid()::text)", "calls gen_random_uuid()"),
        ('INSERT INTO roles (name) VALUES ("Now"())', 'calls "Now"()'),
        ("INSERT INTO roles (name) VALUES (CURRENT_DATE::text)", "uses CURRENT_DATE"),
        ("INSERT INTO roles (name) VALUES (' Today '::date)", "uses ' Today '"),
        ("INSERT INTO roles (name) VALUES (E'now'::date::text)", "uses E'now'"),
        ("INSERT INTO roles (name) SELECT name FROM plans", "reads rows"),
        ("UPDATE roles SET name = plans.name FROM plans", "reads rows"),
        ("UPDATE roles SET name = (SELECT max(name) FROM plans)", "reads rows"),
        ("DELETE FROM roles USING plans WHERE plans.id = roles.id", "reads rows"),
        ("WITH x AS (SELECT 1) INSERT INTO roles (id) SELECT * FROM x", "is of a kind"),
        ("ALTER TABLE roles ADD COLUMN at TIMESTAMP DEFAULT now() NOT NULL", "calls now()"),
        ("ALTER TABLE roles ADD COLUMN day DATE DEFAULT CURRENT_DATE, ADD x INT", "uses CURRENT_D"),
        ("ALTER TABLE roles ALTER id TYPE INT USING length(f(name))", "calls f()"),
        ("CREATE TRIGGER t BEFORE INSERT ON roles EXECUTE FUNCTION f()", "may write more rows"),
        ("CREATE RULE r AS ON INSERT TO roles DO NOTHING", "may write more rows"),
        ("DO $$ BEGIN INSERT INTO roles (name) VALUES ('x'); END $$", "may write rows of any kind"),
        (
            "INSERT INTO roles (name) VALUES ('today 12:00 UTC'::timestamp)",
            "uses 'today 12:00 UTC'",
        ),
        ("INSERT INTO roles (name) VALUES (U&'n\\006fw'::date::text)", "uses U&'n"),
        ("INSERT INTO roles (name) VALUES ('to'\n'day'::date::text)", "uses 'to'"),
        ("INSERT INTO roles (id) VALUES ('roles'::regclass::oid)", "uses regclass"),
        ("UPDATE roles SET name = tableoid::text", "uses tableoid"),
        ("INSERT INTO roles TABLE plans", "reads rows"),
        ("INSERT INTO roles (id) VALUES (nextval('everybodys'))", "calls nextval()"),
        (
            "ALTER TABLE roles ALTER id SET DEFAULT nextval('public.roles_id_seq')",
            "calls nextval()",
        ),
        ("CREATE DOMAIN stamp AS timestamptz DEFAULT now()", "calls now()"),
        ("ALTER DOMAIN stamp SET DEFAULT CURRENT_TIMESTAMP", "uses CURRENT_TIMESTAMP"),
        ("INSERT INTO roles (name) VALUES ($$now$$::date::text)", "uses a text in dollar quotes"),
    ],
)
def test_what_is_of_the_moment_where_there_are_rows(sql: str, reason: str) -> None:
    assert why_not([ROLES, sql], ["roles"]).startswith(reason)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE EXTENSION citext", "makes more than tables"),
        ("CREATE SCHEMA audit", "makes more than tables"),
        ("CREATE PUBLICATION p FOR TABLE roles", "makes more than tables"),
        ("ALTER TABLE roles OWNER TO somebody", "makes more than tables"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r", "makes more than tables"),
        ("COMMENT ON DATABASE x IS 'y'", "makes more than tables"),
        ("GRANT USAGE ON SCHEMA audit TO r", "grants more"),
        ("GRANT admin TO r", "grants more"),
        ("GRANT SELECT ON TABLE audit.log TO r", "names another schema"),
        ("CREATE TABLE IF NOT EXISTS audit.log (id INT)", "names another schema"),
        ("CREATE INDEX ix ON audit.log (id)", "names another schema"),
        ("DROP TABLE IF EXISTS public.old", "names another schema"),
        ("CREATE VIEW audit.v AS SELECT 1", "names another schema"),
        ("INSERT INTO audit.log (id) VALUES (1)", "writes rows outside"),
        ("INSERT INTO plans (id) VALUES (1)", "writes rows outside"),
        ("UPDATE ONLY plans SET id = 1", "writes rows outside"),
        ("SET ROLE somebody", "changes a setting"),
        ("SET LOCAL search_path = audit", "changes a setting"),
        ("SELECT pg_notify('a', 'b')", "is of a kind"),
        ("NOTIFY a", "is of a kind"),
        ("ALTER TABLE roles ADD x INT; CREATE ROLE r", "makes more than tables"),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO r", "names another schema"),
        ("ALTER TABLE roles SET SCHEMA archive", "moves something to another schema"),
        ("CREATE TABLE t AS SELECT 1 AS id", "makes a table of a query"),
        ("CREATE TABLE t (id, at) AS VALUES (1, now())", "makes a table of a query"),
        ("CREATE TABLE t (LIKE plans)", "takes after a table that is not"),
        ("CREATE TABLE t (id INT, LIKE public.roles)", "takes after a table that is not"),
        ("CREATE TABLE t () INHERITS (roles, plans)", "takes after a table that is not"),
        ("CREATE TABLE t PARTITION OF plans DEFAULT", "takes after a table that is not"),
        ("ALTER TABLE roles INHERIT plans", "takes after a table that is not"),
        ("DO $$ BEGIN INSERT INTO log VALUES (1); END $$", "writes rows outside"),
        ("DO $x$ BEGIN CREATE ROLE r; EXCEPTION WHEN others THEN NULL; END $x$", "makes more than"),
        ("DO $$ BEGIN IF NOT EXISTS (SELECT 1) THEN CREATE TYPE t; END IF; END $$", "is of a kind"),
        ("DO $$ DECLARE x int; BEGIN PERFORM f(); END $$", "is of a kind"),
        ("DO 'BEGIN END'", "is of a kind"),
        ("COMMENT", "is not whole"),
    ],
)
def test_what_reaches_further_than_a_copy(sql: str, reason: str) -> None:
    assert why_not([ROLES, sql], []).startswith(reason)


def test_a_block_is_judged_by_what_is_in_it() -> None:
    block = (
        "DO $$ BEGIN CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood);"
        " EXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL; END; $$"
    )
    assert why_not([ROLES, block], []) == ""


def test_a_table_is_watched_under_the_names_it_had() -> None:
    scripts = [
        "CREATE TABLE parts (id INT, at TIMESTAMP DEFAULT now())",
        "ALTER TABLE parts RENAME TO pieces",
        "ALTER TABLE pieces RENAME TO roles",
        "INSERT INTO roles (id) VALUES (1)",
    ]
    assert why_not(scripts, ["roles"]).startswith("calls now()")
    assert why_not(scripts[:3], []) == ""
