"""Names of scratch places: they say who made them and when, so that left-overs are recognised."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from fastapi_tenancy.model.scratch import PREFIX

_NAME = re.compile(
    rf"{PREFIX}(?P<machine>[0-9a-f]{{8}})_(?P<pid>[0-9a-f]+)_(?P<made>[0-9a-f]+)_\w+"
)
LONGEST_S = 3600
"""Seconds after which nobody is at work in a scratch place any more, wherever it was made."""


def new_name() -> str:
    """A name that nobody has: of this process, at this moment."""
    made, some = int(time.time()), secrets.token_hex(3)
    return f"{PREFIX}{_machine()}_{os.getpid():x}_{made:x}_{some}"


def is_left_over(name: str) -> bool:
    """True for a scratch place whose maker has ended without removing it."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    if time.time() - int(found["made"], 16) > LONGEST_S:
        return True
    return found["machine"] == _machine() and not _lives(int(found["pid"], 16))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@cache
def _machine() -> str:
    """Where process numbers mean the same: a container has numbers of its own."""
    known = [socket.gethostname()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]
