"""The arguments of ``context.configure``: the project's own, and what follows from the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from alembic import context
from sqlalchemy import Connection, inspect

from fastapi_tenancy.engine.version_table import fit
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.isolation.names import qualified, quote
from fastapi_tenancy.migrations.env.placing import Place
from fastapi_tenancy.observe.marker import read_marker

Included = Callable[[str | None, str, Mapping[str, str | None]], bool]
"""``include_name`` of ``context.configure``."""
_OURS = ("connection", "url", "dialect_name")


def require_free(options: Mapping[str, Any]) -> None:
    """Refuse what says where to work: that is what whoever runs Alembic says.

    Raises:
        ConfigurationError: one of those is among the options.
    """
    for name in _OURS:
        if name in options:
            raise ConfigurationError(
                f"run_migrations() of fastapi_tenancy connects by itself; take {name}= out of its"
                " call in env.py"
            )


def options_for(
    place: Place,
    options: Mapping[str, Any],
    compared: Connection | None = None,
    *,
    hidden: frozenset[str] = frozenset(),
    dry_run: bool = False,
) -> dict[str, Any]:
    """What is passed to ``context.configure`` for a place.

    Args:
        compared: a connection to it, where the models are compared with what is there.
        hidden: tables there that are none of the project's.
        dry_run: all revisions in one transaction, which can be rolled back.
    """
    given = dict(options)
    if place.schema:
        # Else a version table in public would be taken for that of a tenant that has none.
        given["version_table_schema"] = place.schema
    if place.address.startswith("sqlite"):
        given.setdefault("render_as_batch", True)
    if dry_run:
        given |= {"transactional_ddl": True, "transaction_per_migration": False}
    if compared is not None:
        own = own_tables(place, given, compared) if place.schema else None
        given["include_name"] = included_of(given, own, hidden)
    return given


def make_room_for_long_ids() -> None:
    """Widen the version column where the scripts need it, as the fleet commands do."""
    known = (script.revision for script in ambient.environment().script.walk_revisions())
    fit(context.get_context()._version, known)


def own_tables(place: Place, options: Mapping[str, Any], connection: Connection) -> set[str]:
    """The tables of a place's schema but its version table."""
    own = set(inspect(connection).get_table_names(schema=place.schema))
    own.discard(str(options.get("version_table", "alembic_version")))
    connection.rollback()
    return own


def included_of(
    options: Mapping[str, Any], own: set[str] | None, hidden: frozenset[str]
) -> Included:
    """Leave out what the search path shows besides the tenant's ``own`` tables, and what is hidden.

    Alembic would propose to drop all that the models do not have.
    """
    users: Included | None = options.get("include_name")
    metadata = options.get("target_metadata") or ()
    several = metadata if isinstance(metadata, (list, tuple)) else [metadata]
    tables = [table for each in several for table in each.tables.values()]
    known = {table.schema for table in tables}
    foreign = hidden - {table.name for table in tables}

    def included(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        others = name in foreign or (own is not None and name not in own)
        if kind == "table" and parents.get("schema_name") is None and others:
            return False
        if users is not None:
            return users(name, kind, parents)
        # With include_schemas=True Alembic looks into every schema, those of other tenants too.
        return kind != "schema" or name is None or name in known

    return included


def refuse_half_done(connection: Connection, place: Place) -> None:
    """Only the engine can go on from the middle of a revision; Alembic would begin it anew.

    Raises:
        ConfigurationError: an interrupted or failed run left one half done here.
    """
    table = context.get_context()._version
    name = qualified(place.schema, table.name) if place.schema else quote(table.name)
    raw: Any = connection.connection.driver_connection
    try:
        found = read_marker(raw, name).half_done
    except psycopg.errors.UndefinedTable:
        return
    finally:
        connection.connection.rollback()
    if found is not None:
        again = f"upgrade {found[0]}" if found[1] else "downgrade"
        raise ConfigurationError(
            f"a part of revision {found[0]} is done here, by a run that did not finish; Alembic"
            f" would begin it anew. Finish it first: `tenancy {again}`. Nothing was changed"
        )
