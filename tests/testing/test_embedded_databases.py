"""Fresh databases, and the server that the user gives."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.testing.postgres import (
    FAST_SETTINGS,
    URL_VARIABLE,
    EmbeddedPostgres,
    create_database,
    drop_database,
    postgres_url,
)


def names(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_a_template_is_copied_and_the_copies_are_apart(tenancy_postgres):
    template = create_database(tenancy_postgres)
    name = psycopg.conninfo.conninfo_to_dict(template)["dbname"]
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 1 AS one")
    copies = [create_database(tenancy_postgres, str(name)) for _ in range(2)]
    with psycopg.connect(copies[0]) as connection:
        connection.execute("DROP TABLE copied")
    with psycopg.connect(copies[1]) as connection:
        assert connection.execute("SELECT one FROM copied").fetchone() == (1,)
    for url in (*copies, template):
        drop_database(url)
    assert not names(tenancy_postgres) & {
        psycopg.conninfo.conninfo_to_dict(url)["dbname"] for url in (*copies, template)
    }


def test_dropping_ends_connections_and_twice_is_no_error(tenancy_postgres):
    url = create_database(tenancy_postgres)
    with psycopg.connect(url) as connection:
        drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    drop_database(url)


def test_the_rest_of_the_address_is_kept(tenancy_postgres):
    address = tenancy_postgres.replace("postgresql://", "postgresql+psycopg://", 1)
    address += "&application_name=mine"
    url = create_database(address)
    try:
        assert url.startswith("postgresql+psycopg://")
        assert "application_name=mine" in url
        with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
            row = connection.execute("SELECT current_database()").fetchone()
            assert row is not None
            assert f"/{row[0]}?" in url
    finally:
        drop_database(url)


@pytest.mark.slow  # PostgreSQL itself waits five seconds for the connection to go
def test_a_template_in_use_says_what_to_close(tenancy_postgres):
    template = create_database(tenancy_postgres)
    name = str(psycopg.conninfo.conninfo_to_dict(template)["dbname"])
    try:
        with (
            psycopg.connect(template),
            pytest.raises(ConfigurationError, match=r"is in use.*dispose"),
        ):
            create_database(tenancy_postgres, name)
    finally:
        drop_database(template)


def test_a_missing_template_is_named(tenancy_postgres):
    with pytest.raises(ConfigurationError, match="no database 'nowhere' on the server"):
        create_database(tenancy_postgres, "nowhere")


def test_a_role_that_may_not_create_is_told(tenancy_postgres):
    with psycopg.connect(tenancy_postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS tenancy_modest")
        connection.execute("CREATE ROLE tenancy_modest LOGIN")
        try:
            modest = tenancy_postgres.replace("postgres@", "tenancy_modest@", 1)
            with pytest.raises(ConfigurationError, match="CREATEDB"):
                create_database(modest)
        finally:
            connection.execute("DROP ROLE tenancy_modest")


@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_databases_of_the_server_are_not_dropped(tenancy_postgres, name):
    with pytest.raises(ConfigurationError, match="not one to drop"):
        drop_database(tenancy_postgres.replace("/postgres?", f"/{name}?"))
    assert name in names(tenancy_postgres)


@pytest.mark.parametrize("url", ["sqlite://", "nonsense", "mysql://root:hush@db/x"])
def test_another_kind_of_address_is_refused(url):
    with pytest.raises(ConfigurationError, match="not the address of a PostgreSQL") as caught:
        create_database(url)
    assert "hush" not in str(caught.value)


def test_an_unreachable_server_is_told_without_its_password(tmp_path):
    with pytest.raises(ServerUnreachableError, match="cannot connect to") as caught:
        create_database(f"postgresql://someone:hush@/db?host={tmp_path}")
    assert "hush" not in str(caught.value)


def test_a_url_given_is_used_as_it_is(monkeypatch):
    given = "postgresql+asyncpg://someone:hush@db.example/app"
    monkeypatch.setenv(URL_VARIABLE, "postgresql://other/app")
    with postgres_url(given) as url:
        assert url == given
        assert "hush" not in repr(url)
    with postgres_url() as url:
        assert url == "postgresql://other/app"


def test_without_a_url_a_server_is_started_and_stopped():
    with postgres_url(settings=FAST_SETTINGS) as url:
        assert "template0" in names(url)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


@pytest.mark.parametrize(("fsync", "logs"), [("off", False), ("on", True)])
def test_a_copy_is_logged_only_where_the_disk_is_waited_for(fsync, logs):
    with (
        EmbeddedPostgres(settings={**FAST_SETTINGS, "fsync": fsync}) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        if connection.info.server_version < 150000:
            pytest.skip("PostgreSQL could copy in one way only")
        before = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        create_database(server.url())
        size = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)"
        assert (connection.execute(size, before).fetchone()[0] > 2_000_000) == logs
