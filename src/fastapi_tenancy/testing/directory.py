"""The directory of a cluster: what lies where in it, and how it is made and removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from fastapi_tenancy.errors import ConfigurationError

SOCKET_NAME = ".s.PGSQL.5432"
MAX_SOCKET_BYTES = 103
"""sun_path holds 104 bytes on macOS and 108 on Linux, the last one NUL."""


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
    """The paths of a cluster, all of them below ``root``."""

    root: Path

    @property
    def data(self) -> Path:
        """What PostgreSQL calls the data directory."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the server wrote to its standard error."""
        return self.data / "server.log"

    @property
    def pid_file(self) -> Path:
        """Where a running postmaster keeps its process id."""
        return self.data / "postmaster.pid"

    @property
    def socket_lock(self) -> Path:
        """Where a running postmaster says that the socket is its own."""
        return self.socket_dir / f"{SOCKET_NAME}.lock"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the server."""
        return self.root / "lock"

    @property
    def holders(self) -> Path:
        """Held, shared, by every process that uses the server."""
        return self.root / "holders"

    @property
    def lifeline(self) -> Path:
        """Held like ``holders``, for the reaper to wait on."""
        return self.root / "lifeline"

    @property
    def run(self) -> Path:
        """The directory of the socket, or a link to it where the path is too long for one."""
        return self.root / "run"

    @property
    def socket_dir(self) -> Path:
        """The directory of the socket, as short as it was made."""
        return self.run.readlink() if self.run.is_symlink() else self.run

    @property
    def major(self) -> int | None:
        """The major version of PostgreSQL that made the cluster; None before it is made."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def make(self, *, others_may_enter: bool) -> None:
        """Make the root if it is missing.

        Raises:
            ConfigurationError: the path holds something else, or belongs to somebody else.
        """
        self.root.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.root.mkdir(mode=0o711 if others_may_enter else 0o700)
        except FileExistsError:
            self._check()

    def _check(self) -> None:
        try:
            names = {entry.name for entry in self.root.iterdir()}
            owner = self.root.stat().st_uid
        except NotADirectoryError as error:
            raise ConfigurationError(
                f"{self.root} is not a directory, so no PostgreSQL can live in it"
            ) from error
        except PermissionError as error:
            raise self._foreign() from error
        except FileNotFoundError:  # removed by its last user this moment
            return
        if owner != os.geteuid() and os.geteuid() != 0:
            raise self._foreign()
        if names and "lock" not in names:
            what = "is a data directory of another server" if "PG_VERSION" in names else "is in use"
            raise ConfigurationError(
                f"{self.root} {what} ({len(names)} entries) and was not made by fastapi-tenancy."
                " Give an empty or a new directory for the embedded PostgreSQL"
            )

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.root} belongs to another account, so its PostgreSQL cannot be used from this"
            " one. Run as that account, or give another directory"
        )

    def make_run(self, uid: int, gid: int, short_place: Callable[[int], Path]) -> None:
        """Make the socket's directory; elsewhere, and a link to it, if the path here is too long.

        ``short_place`` is asked for a directory whose path has at most so many bytes.
        """
        if self.socket_dir.is_dir():
            return
        self.run.unlink(missing_ok=True)
        if len(os.fsencode(self.run / SOCKET_NAME)) <= MAX_SOCKET_BYTES:
            self.run.mkdir(mode=0o700)
            os.chown(self.run, uid, gid)
            return
        longest = MAX_SOCKET_BYTES - len("/tpg-12345678/" + SOCKET_NAME)
        short = Path(tempfile.mkdtemp(prefix="tpg-", dir=short_place(longest)))
        os.chown(short, uid, gid)
        self.run.symlink_to(short)

    def remove(self) -> None:
        """Remove the whole directory; whoever makes it anew meanwhile gets a fresh one."""
        if self.run.is_symlink():
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        # Renamed first: nobody may open a lock inside a directory that is half removed.
        gone = self.root.with_name(f"{self.root.name}.removed-{uuid4().hex}")
        self.root.rename(gone)
        shutil.rmtree(gone)

    def remove_leavings(self) -> None:
        """Remove what a ``remove`` left that was killed half way; none may be under way."""
        for gone in self.root.parent.glob(f"{self.root.name}.removed-*"):
            shutil.rmtree(gone, ignore_errors=True)
