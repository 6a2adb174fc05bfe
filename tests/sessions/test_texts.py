"""What a text would end or leave behind is told by the words its statements begin with."""

from __future__ import annotations

import pytest

from fastapi_tenancy.sessions.texts import ends_transaction, may_set

ENDING = {
    "commit": "COMMIT",
    "COMMIT AND CHAIN": "COMMIT AND",
    "Rollback And Chain": "ROLLBACK AND",
    "ROLLBACK WORK": "ROLLBACK WORK",
    "rollback": "ROLLBACK",
    "END": "END",
    "ABORT": "ABORT",
    "PREPARE TRANSACTION 'x'": "PREPARE TRANSACTION",
    "COMMIT; BEGIN": "COMMIT",
    "SELECT 1; COMMIT": "COMMIT",
    "SELECT 1;;\n-- why\n/* a /* nested */ one */ ROLLBACK; SELECT 2": "ROLLBACK",
    "/* SELECT */ -- or\nCOMMIT": "COMMIT",
    "/* a; ' /* b */ c */COMMIT": "COMMIT",
    "SELECT CASE WHEN true THEN 1 END; END": "END",
    "COMMIT;SELECT 1": "COMMIT",
    "SAVEPOINT s; ROLLBACK TO s; COMMIT": "COMMIT",
}
GOING_ON = (
    "ROLLBACK TO SAVEPOINT sa_savepoint_1",
    "ROLLBACK TO s",
    "ROLLBACK WORK TO SAVEPOINT s",
    "ROLLBACK /* why */ TRANSACTION TO s",
    "SAVEPOINT s; RELEASE SAVEPOINT s",
    "SELECT CASE WHEN a THEN 1 END FROM t",
    "SELECT 'x; COMMIT'; SELECT 1",
    'SELECT "a; COMMIT" FROM t',
    "SELECT 1 -- ; COMMIT\n; SELECT 2",
    "DO $$ BEGIN UPDATE t SET a = 1; END $$",
    "DO $$ BEGIN COMMIT; END $$",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
    "CREATE FUNCTION f() RETURNS int AS $f1$ BEGIN RETURN 1; END; $f1$ LANGUAGE plpgsql",
    "PREPARE p AS SELECT 1",
    "SELECT commit FROM git",
    "COMMENT ON TABLE t IS 'commit'",
    "",
    ";",
    "/* COMMIT",
)
SETTING = (
    "SET work_mem = '77MB'",
    "SET SESSION work_mem = '77MB'",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET ROLE other",
    "/* why */ SET app.secret = 'x'",
    "-- why\nset app.secret to 'x'",
    "SET \"app\".secret = 'x'",
    "SELECT set_config(%(name)s, %(value)s, false)",
    "SELECT pg_catalog . set_config($1, $2, $3)",
    "DO $$ BEGIN SET work_mem = '77MB'; END $$",
    "CALL settle()",
    "EXECUTE p",
    "RESET ALL",
    "SELECT 1; SET work_mem = '77MB'",
)
NOT_SETTING = (
    "SET LOCAL work_mem = '77MB'",
    "SET TRANSACTION READ ONLY",
    "SET CONSTRAINTS ALL DEFERRED",
    "UPDATE t SET a = 1",
    "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
    "SELECT 'a; SET b = 1'; UPDATE t SET a = 1",
    "SELECT 1",
)


@pytest.mark.parametrize("sql", ENDING)
def test_it_ends_the_transaction(sql: str):
    assert ends_transaction(sql) == ENDING[sql]


@pytest.mark.parametrize("sql", GOING_ON)
def test_the_transaction_goes_on(sql: str):
    assert ends_transaction(sql) == ""


@pytest.mark.parametrize("sql", SETTING)
def test_it_may_set_something(sql: str):
    assert may_set(sql)


@pytest.mark.parametrize("sql", NOT_SETTING)
def test_it_sets_nothing_that_stays(sql: str):
    assert not may_set(sql)
