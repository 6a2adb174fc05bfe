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
    loops: bool = False
    """True where env.py goes to several schemas or databases by itself, whoever is named."""
    elsewhere: tuple[str, ...] = ()
    """Targets that such an env.py did not come to."""
    pragmas: Mapping[str, int] = field(default_factory=dict)
    """What env.py's connection to an SQLite file is told before it migrates."""
    beyond: str = ""
    """What env.py does that nobody else can do for it, in words; empty for most."""

    def translate_for(self, schema: str) -> dict[str | None, str | None]:
        """The schema_translate_map for a tenant that lives in ``schema``."""
        return {k: schema if v == _TENANT else v for k, v in self.translate.items()}


def read_environment(
    history: History, targets: tuple[Target, ...], extra: tuple[str, ...] = ()
) -> Environment:
    """Run env.py for one target, and for a second one if it tells tenants apart.

    Args:
        targets: some targets of the run; the first two are used.

    Raises:
        ScriptError: env.py failed, or never called ``context.configure``.
        ConfigurationError: the version tables of the targets cannot be told apart or found.
    """
    captures = [run_env(history, targets[0], extra)]
    first = captures[0].call
    follows = captures[0].looked or captures[0].loops or first.translate
    if (follows or first.options.get("version_table_schema")) and len(targets) > 1:
        captures.append(run_env(history, targets[1], extra))
    _refuse_tables_of_several_names(captures[0], captures[-1])
    options = {k: v for k, v in first.options.items() if k not in _OURS}
    version_schema = _version_schema(options, captures)
    return Environment(
        options=options,
        run_arguments=first.run_arguments,
        version_table=options.get("version_table", "alembic_version"),
        # On PostgreSQL Alembic turns transactional_ddl=False into a transaction per migration.
        transaction_per_migration=bool(options.get("transaction_per_migration"))
        or options.get("transactional_ddl") is False,
        translate=_relative(captures[0]),
        version_schema=version_schema,
        loops=captures[0].loops,
        elsewhere=tuple(c.target.name for c in captures if c.elsewhere),
        pragmas=first.pragmas,
        beyond=_beyond(captures[0], captures[-1]),
    )


def _relative(capture: Capture) -> dict[str | None, str | None]:
    return {k: _TENANT if v == capture.schema else v for k, v in capture.call.translate.items()}


def _refuse_tables_of_several_names(first: Capture, second: Capture) -> None:
    mine, other = (c.call.options.get("version_table") for c in (first, second))
    if mine != other:
        raise ConfigurationError(
            f"env.py passes version_table= to context.configure() with a value that differs from"
            f" tenant to tenant ({mine!r}, {other!r}): the tables of a fleet are read together, by"
            " one name. Give the table one name, in each tenant's own schema"
        )


def _beyond(first: Capture, second: Capture) -> str:
    """What differs from tenant to tenant, so that the options of one are no use for another."""
    mine, other = first.call, second.call
    for some, others, what in (
        (mine.run_arguments, other.run_arguments, "context.run_migrations"),
        (_transactions(mine.options), _transactions(other.options), "context.configure"),
        (
            {"schema_translate_map": _relative(first)},
            {"schema_translate_map": _relative(second)},
            "execution_options",
        ),
    ):
        for name in some.keys() | others.keys():
            if some.get(name) != others.get(name):
                return (
                    f"env.py passes {name}= to {what}() with a value that differs from tenant to"
                    f" tenant ({some.get(name)!r}, {others.get(name)!r})"
                )
    return ""


def _transactions(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: options.get(k) for k in ("transaction_per_migration", "transactional_ddl")}


def _version_schema(options: dict[str, Any], captures: list[Capture]) -> str | None:
    """Keep only version tables that follow the tenant; one for all tenants cannot work."""
    version_schema: str | None = options.pop("version_table_schema", None)
    if not captures[0].target.schema:
        return version_schema
    for capture in captures:
        schema = capture.call.options.get("version_table_schema")
        schema = capture.call.translate.get(schema, schema)
        if schema not in (None, capture.schema):
            raise ConfigurationError(
                f"env.py passes version_table_schema={schema!r} for the tenant in schema"
                f" {capture.schema!r}: with one version table for all tenants, the state of each"
                " is lost. Leave the argument out, or pass the tenant's own schema"
            )
    return None
