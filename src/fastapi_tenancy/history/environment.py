"""What env.py asks for, as far as it can be honoured for a whole fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.capture import Capture, run_env
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.target import Target

_OURS = ("fn", "as_sql", "output_buffer", "starting_rev", "literal_binds", "script", "dont_mutate")
"""Options that the engine sets itself for every context."""
_TENANT = "\x00the tenant's schema"
"""Stands for the schema of whichever tenant it is; no schema has such a name."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The options env.py passed to ``context.configure`` and ``context.run_migrations``."""

    options: Mapping[str, Any]
    run_arguments: Mapping[str, Any]
    version_table: str = "alembic_version"
    transaction_per_migration: bool = False
    translate: Mapping[str | None, str | None] = field(default_factory=dict)
    version_schema: str | None = None
    """Where the version table of a target is that is a whole database; None means its default."""

    def translate_for(self, schema: str) -> dict[str | None, str | None]:
        """The schema_translate_map for a tenant that lives in ``schema``."""
        return {k: schema if v == _TENANT else v for k, v in self.translate.items()}


def read_environment(
    history: History, targets: tuple[Target, ...], extra: tuple[str, ...] = ()
) -> Environment:
    """Run env.py for one target, and for a second one if it looked at whose turn it is.

    Args:
        targets: some targets of the run; the first two are used.

    Raises:
        ScriptError: env.py failed, or never called ``context.configure``.
        ConfigurationError: an option depends on the tenant in a way the engine cannot follow.
    """
    first = run_env(history, targets[0], extra)
    captures = [first]
    follows = first.looked or first.translate or first.options.get("version_table_schema")
    if follows and len(targets) > 1:
        captures.append(run_env(history, targets[1], extra))
    _refuse_tenant_options(captures[0], captures[-1])
    options = {k: v for k, v in first.options.items() if k not in _OURS}
    version_schema = _version_schema(options, captures)
    return Environment(
        options=options,
        run_arguments=first.run_arguments,
        version_table=options.get("version_table", "alembic_version"),
        # On PostgreSQL Alembic turns transactional_ddl=False into a transaction per migration.
        transaction_per_migration=bool(options.get("transaction_per_migration"))
        or options.get("transactional_ddl") is False,
        translate=_relative(first),
        version_schema=version_schema,
    )


def _relative(capture: Capture) -> dict[str | None, str | None]:
    schema = capture.target.schema
    return {k: _TENANT if v == schema else v for k, v in capture.translate.items()}


def _refuse_tenant_options(first: Capture, second: Capture) -> None:
    for mine, other, what in (
        (first.run_arguments, second.run_arguments, "context.run_migrations"),
        (
            {k: first.options.get(k) for k in ("version_table", "transaction_per_migration")},
            {k: second.options.get(k) for k in ("version_table", "transaction_per_migration")},
            "context.configure",
        ),
        (
            {"schema_translate_map": _relative(first)},
            {"schema_translate_map": _relative(second)},
            "execution_options",
        ),
    ):
        for name in mine:
            if mine[name] != other.get(name):
                raise ConfigurationError(
                    f"env.py passes {name}= to {what}() with a value that differs from tenant to"
                    f" tenant ({mine[name]!r}, {other.get(name)!r}). The engine runs env.py once"
                    " for the fleet: use current_tenant() inside the revision instead"
                )


def _version_schema(options: dict[str, Any], captures: list[Capture]) -> str | None:
    """Keep only version tables that follow the tenant; one for all tenants cannot work."""
    version_schema: str | None = options.pop("version_table_schema", None)
    if not captures[0].target.schema:
        return version_schema
    for capture in captures:
        target = capture.target
        schema = capture.options.get("version_table_schema")
        if schema not in (None, target.schema):
            raise ConfigurationError(
                f"env.py passes version_table_schema={schema!r} for the tenant in schema"
                f" {target.schema!r}: with one version table for all tenants, the state of each"
                " is lost. Leave the argument out, or pass the tenant's own schema"
            )
    return None
