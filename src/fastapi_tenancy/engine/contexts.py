"""Alembic's MigrationContext as env.py would have set it up, for one target."""

from __future__ import annotations

from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext

from fastapi_tenancy.engine.version_table import fit
from fastapi_tenancy.history.arguments import config_for
from fastapi_tenancy.history.environment import Environment
from fastapi_tenancy.history.identity import Identity
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.target import Target


class GuardedContext(MigrationContext):
    """A MigrationContext whose first look at its heads was taken by the guard, under its lock."""

    guarded_heads: tuple[str, ...] = ()

    def get_current_heads(self) -> tuple[str, ...]:
        """The heads the guard found, once; whoever asks again reads them."""
        heads, self.guarded_heads = self.guarded_heads, ()
        return heads or super().get_current_heads()


def live_context(
    history: History,
    environment: Environment,
    extra: tuple[str, ...],
    connection: Any,
    target: Target,
    *,
    whole: bool = True,
) -> GuardedContext:
    """A context on an open connection; stages are cut where env.py asks for more transactions.

    Args:
        whole: everything it runs is one transaction, whatever Alembic does with this database.
    """
    config = config_for(history.config, Identity(target), extra)
    face = EnvironmentContext(config, history.directory)
    options = {
        **environment.options,
        "version_table_schema": environment.version_schema or target.schema or None,
        "script": history.directory,
        "transaction_per_migration": False,
    }
    if whole:
        options["transactional_ddl"] = True
    context = GuardedContext(connection.dialect, connection, options, face)
    face._migration_context = context
    fit(context._version, history.known)
    return context
