"""Which shell a script is for."""

from __future__ import annotations

from fastapi_tenancy.engine.offline import OfflineScript
from fastapi_tenancy.engine.offline_psql import PsqlScript
from fastapi_tenancy.engine.offline_sqlite import SqliteScript
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.plan import Plan


def script_for(plan: Plan, isolation: IsolationProvider, options: RunOptions) -> OfflineScript:
    """The script of a plan.

    Raises:
        ConfigurationError: its tenants are in files and on servers.
    """
    targets = [t for c in plan.cohorts for t in c.targets]
    if len({t.is_file for t in targets}) > 1:
        raise ConfigurationError(
            "--sql cannot write one script for tenants in SQLite files and tenants on PostgreSQL:"
            " no shell reads both. Choose the ones or the others with --tenant or --tag"
        )
    if any(t.is_file for t in targets):
        return SqliteScript()
    several = len({t.database for t in targets}) > 1 or any(not t.schema for t in targets)
    return PsqlScript(isolation, options, connects=several)
