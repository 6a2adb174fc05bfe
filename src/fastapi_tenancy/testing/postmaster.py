"""The postmaster of a cluster: is it alive, and how it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from fastapi_tenancy.errors import EmbeddedPostgresError
from fastapi_tenancy.testing.directory import SOCKET_NAME, ClusterDirectory

POLL_S = 0.005
FAST_STOP_S = 60
IMMEDIATE_STOP_S = 15
"""PostgreSQL kills its own children after five seconds of an immediate shutdown."""


def recorded_pid(lock_file: Path) -> int | None:
    """Return the process id in a postmaster's file; the process may be gone or be another's."""
    try:
        return int(lock_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def live_pid(directory: ClusterDirectory) -> int | None:
    """Return the postmaster's process id if its socket takes connections.

    The id alone proves nothing: a process that was killed leaves its file behind.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(directory.socket_dir / SOCKET_NAME))
        except TimeoutError:
            pass  # its queue is full, so somebody keeps one
        except OSError:
            return None
    return recorded_pid(directory.pid_file)


def is_zombie(pid: int) -> bool:
    """True when the process has ended and its parent has not noticed (Linux; else False).

    A container whose first process reaps nobody keeps such processes for ever, and PostgreSQL
    takes a zombie postmaster for a running one.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


def halt(directory: ClusterDirectory, *, immediately: bool) -> None:
    """Stop the server if it runs; ``immediately`` spares the checkpoint nobody will need.

    Raises:
        EmbeddedPostgresError: it is still there after both ways of asking.
    """
    pid = live_pid(directory)
    if pid is None:
        return
    asks = [(signal.SIGQUIT, IMMEDIATE_STOP_S)]
    if not immediately:
        asks.insert(0, (signal.SIGINT, FAST_STOP_S))
    for ask, patience_s in asks:
        with suppress(ProcessLookupError):
            os.kill(pid, ask)
        if _ended(pid, patience_s):
            return
    raise EmbeddedPostgresError(
        f"the PostgreSQL in {directory.root} (process {pid}) does not stop."
        f" Look at {directory.log}; `kill -9 {pid}` ends it"
    )


def _ended(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while _is_there(pid) and not is_zombie(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
