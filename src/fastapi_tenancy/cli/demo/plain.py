"""Plain Alembic in a loop, in a process of its own, with its time taken tenant by tenant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi_tenancy.errors import MigrationFailedError

_LOOP = """
import json, sys, time
from argparse import Namespace
from alembic import command
from alembic.config import Config

seconds = []
for schema in json.loads(sys.argv[1]):
    started = time.perf_counter()
    command.upgrade(Config("alembic.ini", cmd_opts=Namespace(x=[f"schema={schema}"])), "head")
    seconds.append(time.perf_counter() - started)
print(json.dumps(seconds))
"""


def upgrade_in_a_loop(project: Path, schemas: Sequence[str], catalogue_url: str) -> list[float]:
    """Upgrade schemas to head one after the other; the seconds each of them took.

    Args:
        project: the folder of the Alembic project, whose alembic.ini names the database.
        catalogue_url: where ``current_tenant()`` finds the tenants of these schemas.

    Raises:
        MigrationFailedError: Alembic failed; the message holds the end of what it said.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TENANCY_")}
    done = subprocess.run(
        [sys.executable, "-c", _LOOP, json.dumps(list(schemas))],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=project,
        env={**kept, "TENANCY_CATALOGUE_URL": catalogue_url},
        start_new_session=True,  # Ctrl-C is ours to handle, and subprocess.run ends the child
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise MigrationFailedError(f"plain Alembic failed on the sample:\n{said}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds
