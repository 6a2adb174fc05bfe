"""PgBouncer in transaction mode in front of a server, for the life of a test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

CONFIG = """
[databases]
{dbname} = host={host} port={port} user={user} dbname={dbname}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
logfile = {folder}/log
"""

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pooled(url: str, size: int) -> Iterator[str]:
    """Yield the URL of a pooler with at most ``size`` server connections to ``url``."""
    assert PROGRAM
    parts = conninfo_to_dict(url)
    host, port = str(parts["host"]), str(parts.get("port", 5432))
    owner = Path(host, f".s.PGSQL.{port}").stat().st_uid
    folder = Path(tempfile.mkdtemp(prefix="pooler-"))
    text = CONFIG.format(folder=folder, size=size, **{**parts, "host": host, "port": port})
    (folder / "pgbouncer.ini").write_text(text)
    arguments = [PROGRAM, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
        arguments[1:1] = ["-u", pwd.getpwuid(owner).pw_name]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    through = f"postgresql://{parts['user']}@/{parts['dbname']}?host={folder}&port=6432"
    try:
        _wait(through, process)
        yield through
    finally:
        if process.poll() is not None:  # for whoever reads why the test failed
            print("PgBouncer ended:", process.returncode, (folder / "log").read_text()[-2000:])
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            psycopg.connect(url, prepare_threshold=None).close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PgBouncer ended"
            time.sleep(0.02)
        else:
            return
    raise AssertionError("PgBouncer did not answer")
