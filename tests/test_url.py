"""Database URLs: read as every driver writes them, never shown whole."""

from __future__ import annotations

from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import (
    DatabaseUrl,
    accepted,
    driver_free,
    is_postgresql,
    masked,
    sync_url,
)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql://", {}),
        ("postgresql:///db", {"dbname": "db"}),
        ("postgres://h", {"host": "h"}),
        (
            "postgresql+asyncpg://u:p%40s%3As@h:1234/db",
            {"user": "u", "password": "p@s:s", "host": "h", "port": "1234", "dbname": "db"},
        ),
        (
            "postgresql+psycopg2://u:p@ss@h/db",
            {"user": "u", "password": "p@ss", "host": "h", "dbname": "db"},
        ),
        (
            "postgresql+psycopg://u:a/b?c#d@h/db",
            {"user": "u", "password": "a/b?c#d", "host": "h", "dbname": "db"},
        ),
        (
            "postgresql://me@server:p@h/db",
            {"user": "me@server", "password": "p", "host": "h", "dbname": "db"},
        ),
        (
            "postgresql://u:100%@h/db",
            {"user": "u", "password": "100%", "host": "h", "dbname": "db"},
        ),
        (
            "postgresql://u@h/db?application_name=a@b",
            {"user": "u", "host": "h", "dbname": "db", "application_name": "a@b"},
        ),
        ("postgresql://u@h/my%20db", {"user": "u", "host": "h", "dbname": "my db"}),
        (
            "postgresql+asyncpg://h/db?ssl=require",
            {"host": "h", "dbname": "db", "sslmode": "require"},
        ),
        ("postgresql+asyncpg://h/db?ssl=true", {"host": "h", "dbname": "db", "sslmode": "require"}),
        (
            "postgresql+asyncpg://h/db?ssl=prefer&sslmode=verify-full",
            {"host": "h", "dbname": "db", "sslmode": "verify-full"},
        ),
        (
            "postgresql+asyncpg://h/db?prepared_statement_cache_size=0&statement_cache_size=0&timeout=5.5&command_timeout=3",
            {"host": "h", "dbname": "db", "connect_timeout": "5"},
        ),
        ("postgresql://u@/db?host=/run/pg", {"user": "u", "dbname": "db", "host": "/run/pg"}),
        ("postgresql://u@%2Frun%2Fpg/db", {"user": "u", "dbname": "db", "host": "/run/pg"}),
        ("postgresql://a:1,b:2/db", {"host": "a,b", "port": "1,2", "dbname": "db"}),
        (
            "postgresql+psycopg://u@/db?host=a:1&host=b:2",
            {"user": "u", "host": "a,b", "port": "1,2", "dbname": "db"},
        ),
        ("postgresql://[::1]:5433/db", {"host": "::1", "port": "5433", "dbname": "db"}),
        (
            "postgresql://h/db?options=-c%20a%3Db",
            {"host": "h", "dbname": "db", "options": "-c a=b"},
        ),
    ],
)
def test_libpq_and_sqlalchemy_read_the_same(url: str, parts: dict[str, str]) -> None:
    assert conninfo_to_dict(driver_free(url)) == parts
    assert isinstance(driver_free(url), DatabaseUrl)
    engine_url = sa.make_url(sync_url(url))
    assert engine_url.drivername == "postgresql+psycopg"
    _, arguments = engine_url.get_dialect()().create_connect_args(engine_url)
    assert {k: str(v) for k, v in arguments.items()} == parts


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_encoded_password_arrives(password: str) -> None:
    url = f"postgresql+asyncpg://u:{quote(password, safe='')}@h/db"
    assert conninfo_to_dict(driver_free(url))["password"] == password
    assert sa.make_url(sync_url(url)).password == password
    assert masked(driver_free(url)) == "postgresql://u:***@h/db"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite://", "sqlite://"),
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
        ("sqlite+aiosqlite:////abs/b.db?timeout=3", "sqlite:////abs/b.db?timeout=3"),
        ("sqlite+pysqlite:///:memory:", "sqlite:///:memory:"),
    ],
)
def test_sqlite_loses_its_driver_only(url: str, expected: str) -> None:
    assert sync_url(url) == expected
    assert not is_postgresql(url)
    with pytest.raises(ConfigurationError, match="PostgreSQL is needed"):
        driver_free(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "not a database URL"),
        ("localhost/db", "not a database URL"),
        ("postgresql//u:geheim@h/db", "not a database URL"),
        ("u:geheim@h/db", "not a database URL"),
        ("mysql://u:geheim@h/db", "kind 'mysql'"),
        ("postgresql+pg8000://u:geheim@h/db", "driver 'pg8000'"),
        ("sqlite+pysqlcipher://:geheim@/x.db", "driver 'pysqlcipher'"),
        ("sqlite://x.db", "three slashes"),
        ("postgresql://u:geheim@h:port/db", "port from 1 to 65535"),
        ("postgresql://u:geheim@h:70000/db", "port from 1 to 65535"),
        ("postgresql://u:geheim@h/db/more", "cannot be read"),
        ("postgresql://u:geheim%00@h/db", "cannot be read"),
    ],
)
def test_what_is_no_url_is_said_without_the_password(url: str, told: str) -> None:
    for use in (accepted, sync_url, driver_free):
        with pytest.raises(ConfigurationError, match=told) as caught:
            use(url)
        assert "geheim" not in str(caught.value)


def test_a_url_is_whole_as_text_and_masked_in_its_repr() -> None:
    url = accepted("postgres://u:geheim@h/db?sslpassword=geheim")
    assert str(url) == "postgres://u:geheim@h/db?sslpassword=geheim"
    assert repr(url) == "DatabaseUrl('postgres://u:***@h/db?sslpassword=***')"
    assert "geheim" not in masked("postgresql://me@server:geheim@h/db")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'postgresql://h/d?password=x' is", "'postgresql://h/d?password=***' is"),
        ("at\n('postgresql://h/d?password=x'; y", "at\n('postgresql://h/d?password=***'; y"),
        ('"postgresql://h/d?password=it\'s", y', '"postgresql://h/d?password=***", y'),
        ("'postgresql://h/d?password=x&a=b' y", "'postgresql://h/d?password=***&a=b' y"),
        ("postgresql://h/d?password=it's' y", "postgresql://h/d?password=*** y"),
        ("?password=x'", "?password=***"),
    ],
)
def test_a_quote_around_a_url_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_translated_url_connects(tenancy_database: str) -> None:
    with psycopg.connect(driver_free(tenancy_database)) as connection:
        name = connection.info.dbname
    engine = sa.create_engine(sync_url(tenancy_database))
    with engine.connect() as connected:
        assert connected.execute(sa.text("SELECT current_database()")).scalar_one() == name
    engine.dispose()
