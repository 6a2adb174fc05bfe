"""Plain Alembic, in a process that has never seen the engine: the road every result is compared with.

Reads one JSON request per line and forks for each, so that no module of one project is left
over for the next one.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
from argparse import Namespace
from typing import Any

EARLY = (
    "alembic.command",
    "alembic.config",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
)
"""What every request needs: imported once, as importing takes longer than most requests."""


def _run_one(request: dict[str, Any], job: dict[str, Any]) -> str | None:
    from alembic import command
    from alembic.config import Config

    options = [f"tenant={job['tenant']}", f"schema={job['schema']}", f"url={request['url']}"]
    config = Config(request["ini"], cmd_opts=Namespace(x=options))
    try:
        getattr(command, job["command"])(config, job["revision"])
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return None


def _child(request: dict[str, Any]) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    logging.disable(logging.CRITICAL)
    os.environ |= request["environ"]
    os.chdir(request["cwd"])
    answers = [_run_one(request, job) for job in request["jobs"]]
    os.write(1, (json.dumps(answers) + "\n").encode())


def main() -> None:
    """Serve requests until stdin ends."""
    for name in EARLY:
        importlib.import_module(name)
    # A fork that collects nothing of this copies none of its pages.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                _child(json.loads(line))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        os.write(1, b"\n")  # a child that died has answered nothing


if __name__ == "__main__":
    main()
