"""The one server of a test process that forks others, with everything imported that they need.

There is one for a process, whoever asks for it, and it imports nothing any more once it runs.
"""

from __future__ import annotations

import multiprocessing
import pkgutil

import fastapi_tenancy.cli

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "alembic.command",
        "alembic.config",
        "fastapi_tenancy.opening",
        "fastapi_tenancy.migrations.env",
        "fastapi_tenancy.migrations.fleet",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite.pysqlite",
        "sqlalchemy.ext.asyncio",
        "sqlalchemy.orm",
        *(
            module.name
            for module in pkgutil.walk_packages(
                fastapi_tenancy.cli.__path__, "fastapi_tenancy.cli."
            )
            if not module.name.endswith("__main__")
        ),
    ]
)
