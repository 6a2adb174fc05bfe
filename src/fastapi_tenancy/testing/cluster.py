"""The life of a cluster: initdb, start, and waiting until the server answers."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi_tenancy.errors import EmbeddedPostgresError
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.testing.accounts import Account, require_entry, run, temporary_place
from fastapi_tenancy.testing.binaries import Binaries
from fastapi_tenancy.testing.directory import ClusterDirectory
from fastapi_tenancy.testing.postmaster import is_zombie, recorded_pid

PATIENCE_S = 60
POLL_S = 0.05
LOG_LINES = 15
FIXED_SETTINGS = frozenset({"listen_addresses", "port", "unix_socket_directories"})


def server_url(directory: ClusterDirectory, dbname: str) -> DatabaseUrl:
    """Return the address of a database of the cluster, for psycopg and for SQLAlchemy.

    The port is part of it so that a ``PGPORT`` in the environment changes nothing.
    """
    query = urlencode({"host": directory.socket_dir, "port": 5432}, safe="/", quote_via=quote)
    return DatabaseUrl(f"postgresql://postgres@/{quote(dbname, safe='')}?{query}")


def answers(directory: ClusterDirectory) -> bool | None:
    """True: the server takes connections; None: it starts or stops; False: nobody is there."""
    from psycopg.pq import PGconn, Ping

    address = server_url(directory, "postgres") + "&connect_timeout=5"
    state = PGconn.ping(address.encode())
    return None if state == Ping.REJECT else bool(state == Ping.OK)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's directory, the programs that serve it and the account they run as."""

    directory: ClusterDirectory
    binaries: Binaries
    account: Account | None

    def initialise(self, *, sync: bool) -> None:
        """Run initdb unless the cluster is there; a killed initdb leaves nothing half made.

        Raises:
            EmbeddedPostgresError: initdb failed; the message holds what it said.
        """
        if self.account:
            require_entry(self.directory.root, self.account)
        if self.directory.major is not None:
            return
        unfinished = self.directory.root / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, *self._ids())
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        if not sync:
            options.append("--no-sync")
        initdb = self.binaries.directory / "initdb"
        done = run([initdb, "-D", unfinished, *options], self.account)
        if done.returncode:
            raise EmbeddedPostgresError(
                f"{initdb} could not make a cluster in {self.directory.root}:\n"
                + _last_lines(done.stdout + done.stderr)
            )
        unfinished.rename(self.directory.data)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server and return when it takes connections.

        Raises:
            EmbeddedPostgresError: it does not; the message holds the end of its log.
        """
        self.directory.make_run(
            *self._ids(), lambda longest: temporary_place(self.account, max_bytes=longest)
        )
        deadline = time.monotonic() + PATIENCE_S
        said = "it neither answers nor ends"
        crashed = recorded_pid(self.directory.pid_file) is not None
        while (state := answers(self.directory)) is not True:
            if state is False:
                self._clear_zombie()
                offset = self._log_size()
                done = self._pg_ctl_start(settings)
                if done is None:
                    continue
                said = self._log_since(offset) or done
                # Backends of a killed postmaster need a moment to notice; nothing else heals.
                if not crashed:
                    raise self._not_started(said)
            if time.monotonic() > deadline:
                raise self._not_started(said)
            time.sleep(POLL_S)

    def _pg_ctl_start(self, settings: Mapping[str, str]) -> str | None:
        """Return None when the server started, else what pg_ctl said."""
        options = {
            **settings,
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": _quoted(str(self.directory.socket_dir)),
        }
        flags = shlex.join(part for name in options for part in ("-c", f"{name}={options[name]}"))
        waiting = ["-w", "-t", str(PATIENCE_S), "-l", str(self.directory.log), "-o", flags]
        pg_ctl = self.binaries.directory / "pg_ctl"
        done = run(
            [pg_ctl, "start", "-D", self.directory.data, *waiting],
            self.account,
            timeout_s=2 * PATIENCE_S,
        )
        return None if done.returncode == 0 else _last_lines(done.stdout + done.stderr)

    def _clear_zombie(self) -> None:
        """Remove the lock files of a zombie, which PostgreSQL would respect for ever."""
        for lock in (self.directory.pid_file, self.directory.socket_lock):
            pid = recorded_pid(lock)
            if pid is not None and is_zombie(pid):
                lock.unlink(missing_ok=True)

    def _ids(self) -> tuple[int, int]:
        account = self.account
        return (account.uid, account.gid) if account else (os.geteuid(), os.getegid())

    def _log_size(self) -> int:
        log = self.directory.log
        return log.stat().st_size if log.exists() else 0

    def _log_since(self, offset: int) -> str:
        if not self.directory.log.exists():
            return ""
        with self.directory.log.open("rb") as log:
            log.seek(offset)
            return _last_lines(log.read().decode(errors="replace"))

    def _not_started(self, said: str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(
            f"PostgreSQL {self.binaries.major} ({self.binaries.directory}) did not start in"
            f" {self.directory.root}. The end of its log ({self.directory.log}):\n{said}"
        )


def _quoted(path: str) -> str:
    """Quote for a list setting, where a comma would end the entry."""
    return '"' + path.replace('"', '""') + '"'


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LOG_LINES:])
