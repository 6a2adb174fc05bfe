"""Stops a server that nobody holds any more; as a process of its own it outlives a kill -9."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from fastapi_tenancy.errors import EmbeddedPostgresError
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.holding import (
    GoneError,
    is_current,
    is_held,
    locked,
    wait_until_unheld,
)
from fastapi_tenancy.testing.postmaster import halt

# Without site-packages the interpreter starts in half the time; this room's own modules
# that are used here need the standard library only.
_START = """
import sys
sys.path.append(sys.argv[1])
from fastapi_tenancy.testing.reaper import watch
watch(sys.argv[2])
"""
_PACKAGE_HOME = Path(__file__).resolve().parents[2]


def close_if_unheld(directory: ClusterDirectory, *, ephemeral: bool) -> None:
    """Stop the server if no process holds it, and remove it if ``ephemeral``; while ``locked``."""
    if is_held(directory):
        return
    halt(directory, immediately=ephemeral)
    if ephemeral:
        directory.remove()


def spawn(directory: ClusterDirectory) -> None:
    """Start a process that closes an ephemeral cluster when all its holders have died."""
    command = [sys.executable, "-I", "-S", "-c", _START, str(_PACKAGE_HOME), str(directory.root)]
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
        timeout=60,
    )
    if done.returncode:
        raise EmbeddedPostgresError(
            "could not start the process that cleans up after a temporary PostgreSQL:\n"
            + done.stderr.decode(errors="replace")
        )


def watch(root: str) -> None:
    """Go to the background and close the cluster of ``root`` once nobody holds it."""
    directory = ClusterDirectory(Path(root))
    lifeline = os.open(directory.lifeline, os.O_RDWR)
    lock = os.open(directory.lock, os.O_RDWR)
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 2)  # the parent reads our standard error until everybody has closed it
    while is_current(lifeline, directory.lifeline):
        wait_until_unheld(lifeline)
        with suppress(GoneError), locked(directory):
            close_if_unheld(directory, ephemeral=True)
    fcntl.flock(lock, fcntl.LOCK_EX)  # until whoever removed the directory is done, or dead
    directory.remove_leavings()
