"""One server for many processes, and what happens when any of them is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.testing.accounts import server_account
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.holding import Hold, locked
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres
from fastapi_tenancy.testing.postmaster import is_zombie, live_pid, recorded_pid


def tell(process, *, wait=True):
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip() if wait else ""


def directory_of(answer: str) -> ClusterDirectory:
    host = psycopg.conninfo.conninfo_to_dict(answer.split(maxsplit=1)[0])["host"]
    return ClusterDirectory(Path(str(host)).parent)


def test_processes_racing_on_a_fresh_directory_get_one_server(open_dir, spawn_user):
    users = [spawn_user(open_dir / "pg", ephemeral=False) for _ in range(5)]
    assert [user.stdout.readline() for user in users] == ["ready\n"] * 5
    for user in users:
        tell(user, wait=False)
    assert len({user.stdout.readline() for user in users}) == 1
    directory = ClusterDirectory(open_dir / "pg")
    for user in users[:-1]:
        user.communicate("\n")
        assert user.returncode == 0
        assert live_pid(directory)
    users[-1].communicate("\n")
    assert live_pid(directory) is None
    assert directory.major is not None


def test_a_killed_process_leaves_no_server_and_no_directory(spawn_user, until):
    user = spawn_user()
    user.stdout.readline()
    directory = directory_of(tell(user))
    assert live_pid(directory)
    user.kill()
    until(lambda: list(directory.root.parent.glob(f"{directory.root.name}*")) == [])


def test_a_killed_starter_takes_nothing_from_those_who_share(open_dir, spawn_user, until):
    starter = spawn_user(open_dir / "pg")
    starter.stdout.readline()
    started = tell(starter)
    other = EmbeddedPostgres(open_dir / "pg", ephemeral=True)
    with other, psycopg.connect(other.url()) as connection:
        starter.kill()
        starter.wait()
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
        assert row is not None
        assert str(row[0].timestamp()) == started.split()[1]
        assert (open_dir / "pg").exists()
    assert list(open_dir.iterdir()) == []


def test_a_process_killed_while_it_starts_leaves_no_directory(open_dir, spawn_user, until):
    user = spawn_user(open_dir / "pg")
    user.stdout.readline()
    tell(user, wait=False)
    until((open_dir / "pg" / "data.unfinished").exists)
    user.kill()
    until(lambda: list(open_dir.iterdir()) == [])


def test_recovers_from_a_killed_postmaster(open_dir):
    directory = ClusterDirectory(open_dir / "pg")
    first = EmbeddedPostgres(open_dir / "pg")
    with first:
        with psycopg.connect(first.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid = recorded_pid(directory.pid_file)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        second = EmbeddedPostgres(open_dir / "pg")
        with second:
            with psycopg.connect(second.url()) as connection:
                assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            assert recorded_pid(directory.pid_file) != pid


def test_an_interrupted_initdb_is_done_again(open_dir):
    root = open_dir / "pg"
    with EmbeddedPostgres(root, settings=FAST_SETTINGS):
        pass
    shutil.move(root / "data", root / "data.unfinished")
    (root / "data.unfinished" / "base").rename(root / "data.unfinished" / "elsewhere")
    server = EmbeddedPostgres(root, settings=FAST_SETTINGS)
    with server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (root / "data.unfinished").exists()


def test_who_comes_while_the_last_leaves_gets_a_server(open_dir):
    root = open_dir / "pg"
    for _ in range(2):
        server = EmbeddedPostgres(root, settings=FAST_SETTINGS, ephemeral=True)
        with server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert list(open_dir.iterdir()) == []


def test_a_lock_in_a_removed_directory_is_not_taken_for_the_new_one(open_dir):
    directory = ClusterDirectory(open_dir / "pg")
    directory.make(others_may_enter=False)
    with locked(directory):
        Hold.take(directory).release()
        directory.remove()
        directory.make(others_may_enter=False)
        with locked(directory):  # would wait for ever if it were the same lock
            assert directory.lock.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="zombies are told apart by /proc")
def test_a_zombie_postmaster_is_not_taken_for_a_running_one(open_dir, until):
    directory = ClusterDirectory(open_dir / "pg")
    server = EmbeddedPostgres(open_dir / "pg", settings=FAST_SETTINGS)
    with server:
        account = server_account(directory.data)
        lines = directory.pid_file.read_text().splitlines()
    zombie = subprocess.Popen(["true"], user=account.uid if account else None)
    try:
        until(lambda: is_zombie(zombie.pid))
        left = "\n".join([str(zombie.pid), *lines[1:]]) + "\n"
        directory.pid_file.write_text(left)
        directory.socket_lock.write_text(left)
        with server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert is_zombie(zombie.pid)
    finally:
        zombie.wait()
