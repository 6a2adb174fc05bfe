"""A directory PostgreSQL can live in whoever runs the tests, and processes that use one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastapi_tenancy.testing.accounts import open_directories, server_account
from fastapi_tenancy.testing.postgres import URL_VARIABLE

Until = Callable[[Callable[[], bool]], None]
Spawn = Callable[..., "subprocess.Popen[str]"]

USER = """
import sys
import psycopg
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres
data_dir, ephemeral = sys.argv[1] or None, sys.argv[2] == "ephemeral"
print("ready", flush=True)
sys.stdin.readline()
with EmbeddedPostgres(data_dir, ephemeral=ephemeral, settings=FAST_SETTINGS) as server:
    with psycopg.connect(server.url()) as connection:
        pid = connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0]
    print(f"{server.url()} {pid.timestamp()}", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def no_server_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests start servers of their own even where the rest of the suite is given one."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """Not ``tmp_path``, which other accounts cannot enter."""
    path = Path(tempfile.mkdtemp(prefix="tenancy-test-", dir=open_directories(server_account())[0]))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def until() -> Until:
    """Wait for a condition that another process brings about."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not come about within 30 seconds"
            time.sleep(0.01)

    return wait


@pytest.fixture
def spawn_user() -> Iterator[Spawn]:
    """Start processes that start a server when they read a line, and stop it at the next."""
    started: list[subprocess.Popen[str]] = []

    def spawn(data_dir: Path | str = "", *, ephemeral: bool = True) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir), "ephemeral" if ephemeral else "kept"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.communicate()
