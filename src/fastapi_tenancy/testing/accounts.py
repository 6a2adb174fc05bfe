"""The account a server runs as: PostgreSQL refuses root, so root drops to an existing account."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_tenancy.errors import EmbeddedPostgresError

UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of this machine, with its numbers."""

    name: str
    uid: int
    gid: int

    def can_execute(self, path: Path) -> bool:
        """True when this account may execute the file, or enter the directory, ``path``."""
        probe = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
        return run(probe, self).returncode == 0


def server_account(data: Path | None = None) -> Account | None:
    """Return the account to run a server over ``data`` as; None means the caller's own.

    Root takes the owner of ``data`` if it exists, else ``postgres`` or ``nobody``: no account
    is created and no directory is opened to everybody.

    Raises:
        EmbeddedPostgresError: the caller is root and there is no such account.
    """
    if os.geteuid() != 0:
        return None
    if data and data.exists() and (owner := data.stat().st_uid) != 0:
        return _by_uid(owner)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and this machine has no account"
        f" {' or '.join(map(repr, UNPRIVILEGED))} to run it as. Run as an ordinary user,"
        " or set TENANCY_TEST_DATABASE_URL to a server that is running"
    )


def _by_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid)
    return Account(entry.pw_name, uid, entry.pw_gid)


def run(
    command: Sequence[str | Path], account: Account | None, *, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as ``account`` from ``/`` in the C locale; its output is kept.

    Raises:
        EmbeddedPostgresError: the command cannot be started, or does not end in time.
    """
    words = [str(part) for part in command]
    try:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            cwd="/",
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        ) as process:
            out, err = _output(process, timeout_s)
    except (OSError, subprocess.SubprocessError) as error:
        whom = f" as the account {account.name!r}" if account else ""
        raise EmbeddedPostgresError(f"could not run {command[0]}{whom}: {error}") from error
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _output(process: subprocess.Popen[str], timeout_s: float) -> tuple[str, str]:
    """Wait for the end; where that is cut short, end its children too: initdb has some."""
    try:
        return process.communicate(timeout=timeout_s)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise


def open_directories(account: Account | None) -> list[Path]:
    """Return the directories for temporary files that we can write to and ``account`` can enter."""
    places = dict.fromkeys(map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")))  # noqa: S108
    return [
        place
        for place in places
        if os.access(place, os.W_OK | os.X_OK) and (account is None or account.can_execute(place))
    ]


def temporary_place(account: Account | None, *, max_bytes: int | None = None) -> Path:
    """Return the first of ``open_directories``, whose path has at most ``max_bytes`` bytes.

    Raises:
        EmbeddedPostgresError: there is none.
    """
    for place in open_directories(account):
        if max_bytes is None or len(os.fsencode(place)) <= max_bytes:
            return place
    raise EmbeddedPostgresError(
        "no directory for temporary files can be used: neither TMPDIR nor /tmp nor /var/tmp can be"
        f" written to{' and entered by the account ' + repr(account.name) if account else ''}."
        " Set TMPDIR to one that can"
    )


def require_entry(directory: Path, account: Account) -> None:
    """Check that ``account`` can enter ``directory`` and all directories above it.

    Raises:
        EmbeddedPostgresError: one of them is closed to it; the message names the first.
    """
    if account.can_execute(directory):
        return
    above = [*reversed(directory.parents), directory]
    closed = next((path for path in above if not account.can_execute(path)), directory)
    raise EmbeddedPostgresError(
        f"the account {account.name!r}, which runs PostgreSQL because you are root, cannot enter"
        f" {closed}. Choose a data directory that other accounts can reach (such as"
        f" /var/tmp/{directory.name}), or run as an ordinary user"
    )
