"""Takes a schema as a script with pg_dump, which knows everything that a schema may hold."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

TIMEOUT_S = 120
LOCK_WAIT_MS = 5000
_INSTALLED = ("/usr/lib/postgresql/*/bin/pg_dump", "/usr/pgsql-*/bin/pg_dump")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_PART = re.compile(
    r"""
      (?P<text>\$(?P<tag>[A-Za-z_\x80-\U0010ffff]?[\w\x80-\U0010ffff]*)\$.*?\$(?P=tag)\$
        | (?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*")
    | (?P<noise>--[^\n]*\n | ^\\(?:un)?restrict\ [^\n]*\n)
    | ^SET\ (?P<setting>default_(?:tablespace|table_access_method)\ =\ )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
"""What is left as it is, left out or kept to the transaction; a text may look like all of it."""
PREAMBLE = (
    "SET LOCAL search_path = ''; SET LOCAL check_function_bodies = off;"
    " SET LOCAL standard_conforming_strings = on; SET LOCAL client_min_messages = warning;"
    " SET LOCAL xmloption = content;\n"
)


class NoDumpError(ConfigurationError):
    """The schema could not be taken as a script; with the cause."""


def dump(target: Target, major: int) -> str:
    """A script that makes this schema and its rows again, without making the schema itself.

    It is for one transaction: its settings end with it. Names are qualified.

    Args:
        major: the major version of the server; pg_dump has to be as new.

    Raises:
        NoDumpError: there is no pg_dump that can, or it failed.
    """
    found = _program(major)
    with tempfile.TemporaryDirectory(prefix="tenancy-dump-") as folder:
        service = Path(folder) / "service.conf"
        service.touch(mode=0o600)
        service.write_text(_service(target.address), encoding="utf-8")
        made = _run(
            [
                *(found, "--dbname=service=tenancy", f"--schema={target.schema}", "--no-owner"),
                *("--inserts", "--rows-per-insert=500", "--no-publications", "--encoding=UTF8"),
                *("--no-subscriptions", "--no-password", f"--lock-wait-timeout={LOCK_WAIT_MS}"),
            ],
            {**os.environ, "PGSERVICEFILE": str(service)},
        )
    return _cut(made, target.schema)


def _program(major: int) -> str:
    """A pg_dump that is at least as new as the server, the oldest of them."""
    found = sorted((version, path) for version, path in _programs() if version >= major)
    if not found:
        raise NoDumpError(
            f"no pg_dump of version {major} or newer was found (in PATH and in the folders of the"
            " system's packages); install PostgreSQL's client programs"
        )
    return found[0][1]


def _programs() -> Iterator[tuple[int, str]]:
    paths = [str(path) for pattern in _INSTALLED for path in Path("/").glob(pattern[1:])]
    for path in filter(None, (shutil.which("pg_dump"), *paths)):
        told = _VERSION.search(_run([path, "--version"], dict(os.environ)))
        if told:
            yield int(told[1]), path


def _service(address: str) -> str:
    """The connection as a service: a command line would show its password to everybody."""
    options = {k: str(v) for k, v in conninfo_to_dict(address).items() if v is not None}
    if any("\n" in value for value in options.values()):
        raise NoDumpError("an option of the connection has a line break in it")
    return "\n".join(["[tenancy]", *(f"{key}={value}" for key, value in options.items()), ""])


def _run(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDumpError(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        told = masked(done.stderr.decode("utf-8", "replace")).strip()
        raise NoDumpError(f"{command[0]} failed: {told or done.returncode}")
    return done.stdout.decode("utf-8")


def _cut(script: str, schema: str) -> str:
    """Without what is meant for psql, for a session, or for making the schema."""
    head, made, body = script.partition(f"CREATE SCHEMA {schema};\n")
    if not made:
        raise NoDumpError(f"pg_dump did not begin with CREATE SCHEMA {schema}: {head[:200]!r}")
    return PREAMBLE + _PART.sub(_kept, body).strip() + "\n"


def _kept(part: re.Match[str]) -> str:
    if part["noise"]:
        return ""
    return part["text"] or f"SET LOCAL {part['setting']}"
