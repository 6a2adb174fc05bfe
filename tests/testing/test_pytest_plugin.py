"""The plugin: one server for a run, however many workers; a database for each test; cheap to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.testing.postgres import FAST_SETTINGS, URL_VARIABLE, postgres_url

INNER = """
import pathlib
import psycopg
import pytest

@pytest.mark.parametrize("number", range(6))
def test_alone(tenancy_database, tenancy_postgres, number):
    with psycopg.connect(tenancy_database) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        started = connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0]
        name = connection.execute("SELECT current_database()").fetchone()[0]
    pathlib.Path(f"seen-{number}").write_text(f"{tenancy_postgres} {started.timestamp()} {name}")
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_one_server_a_database_each_nothing_left(pytester: pytest.Pytester, workers):
    pytester.makepyfile(INNER)
    result = pytester.runpytest_subprocess(workers, "-W", "error")
    result.assert_outcomes(passed=6)
    seen = [path.read_text().split() for path in pytester.path.glob("seen-*")]
    assert len({(url, started) for url, started, _ in seen}) == 1
    assert len({name for _, _, name in seen}) == 6
    host = str(psycopg.conninfo.conninfo_to_dict(seen[0][0])["host"])
    root = Path(host).parent
    assert list(root.parent.glob(f"{root.name}*")) == []


def test_a_project_brings_its_own_template_and_server(pytester: pytest.Pytester, monkeypatch):
    pytester.makepyfile(
        """
        import psycopg
        import pytest
        from fastapi_tenancy.testing.postgres import create_database, drop_database

        @pytest.fixture(scope="session")
        def tenancy_template(tenancy_postgres):
            url = create_database(tenancy_postgres)
            with psycopg.connect(url) as connection:
                connection.execute("CREATE TABLE ready AS SELECT 7 AS seven")
                name = connection.info.dbname
            yield name
            drop_database(url)

        @pytest.mark.parametrize("time", [1, 2])
        def test_ready(tenancy_database, time):
            with psycopg.connect(tenancy_database) as connection:
                assert connection.execute("SELECT count(*) FROM ready").fetchone() == (1,)
                connection.execute("DELETE FROM ready")
        """
    )
    with postgres_url(settings=FAST_SETTINGS) as url:
        monkeypatch.setenv(URL_VARIABLE, url)
        pytester.runpytest_subprocess("-n0", "-W", "error").assert_outcomes(passed=2)
        with psycopg.connect(url) as connection:
            left = connection.execute("SELECT count(*) FROM pg_database").fetchone()
            assert left == (3,)


def test_loading_the_plugin_imports_nothing_heavy():
    script = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import fastapi_tenancy.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "fastapi_tenancy",
        "fastapi_tenancy.testing",
        "fastapi_tenancy.testing.plugin",
    ]
