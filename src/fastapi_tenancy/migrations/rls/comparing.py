"""Autogenerate: what the models say of several tenants' tables, against what keeps rows apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Table

from fastapi_tenancy.isolation.expression import tenant_form
from fastapi_tenancy.isolation.operations import DisableTenantRlsOp, EnableTenantRlsOp, as_text
from fastapi_tenancy.isolation.policy import TenantPolicy
from fastapi_tenancy.migrations.rls.judging import needs_enabling, own_policy
from fastapi_tenancy.migrations.rls.marking import Marking, marking_in
from fastapi_tenancy.observe.policies import TableSecurity, securities, security_sql

Key = tuple[str | None, str]
"""Schema and name of a table; None for the schema that needs no name."""


def compare(context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]) -> None:
    """Add the operations that keep tenants apart in the tables that are compared.

    They come after all others, and those that take a policy away before them: a column that a
    policy names can neither be dropped nor change its type.

    Raises:
        ConfigurationError: a table is marked in a way that means nothing.
    """
    if context.dialect is None or context.dialect.name != "postgresql":
        return
    places = _Places(context, schemas)
    changes = _Changes(marking_in(context.opts), upgrade, places)
    for key in places.of(upgrade, ops.DropTableOp):
        changes.dropped(key)
    for table in context.sorted_tables:
        if context.run_object_filters(table, table.name, "table", False, None):
            changes.compared(table)
    changes.enter()


class _Places:
    """Where the tables are that are compared, under the names that operations give them."""

    def __init__(self, context: AutogenContext, schemas: set[str | None]) -> None:
        self._context = context
        self._schemas = schemas

    def key(self, schema: str | None, name: str) -> Key:
        default = getattr(self._context.dialect, "default_schema_name", None)
        return (None if schema == default else schema), name

    def of(self, upgrade: ops.UpgradeOps, kind: type[Any]) -> list[Key]:
        """The tables of the operations of a kind."""
        return [self.key(o.schema, o.table_name) for o in upgrade.ops if isinstance(o, kind)]

    def found(self) -> Iterator[tuple[Key, TableSecurity]]:
        """The tables that are there and that the project lets Alembic see."""
        connection = self._context.connection
        assert connection is not None  # noqa: S101 - autogenerate compares with a database
        query = as_text(security_sql(sorted(s for s in self._schemas if s is not None)))
        for security in securities(connection.execute(query)):
            for schema in self._schemas:
                there = security.visible if schema is None else security.schema == schema
                if there and self._named(schema, security.table):
                    yield (schema, security.table), security

    def _named(self, schema: str | None, name: str) -> bool:
        return self._context.run_name_filters(name, "table", {"schema_name": schema})


@dataclass(slots=True)
class _Changes:
    """What is to be done before everything else and after it, and indexes that are ours."""

    marking: Marking
    upgrade: ops.UpgradeOps
    places: _Places
    created: set[Key] = field(init=False)
    found: dict[Key, TableSecurity] = field(init=False)
    before: list[ops.MigrateOperation] = field(default_factory=list)
    after: list[ops.MigrateOperation] = field(default_factory=list)
    indexes: set[tuple[Key, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.created = set(self.places.of(self.upgrade, ops.CreateTableOp))
        self.found = {k: s for k, s in self.places.found() if k not in self.created}

    def dropped(self, key: Key) -> None:
        """The policy goes before its table, so that a downgrade brings both back."""
        previous = self._previous(key)
        if previous is not None:
            self._disable(key, previous)

    def compared(self, table: Table) -> None:
        """Compare one table of the models."""
        key, wanted = self.places.key(table.schema, table.name), self.marking.policy(table)
        previous = self._previous(key)
        if key in self.created and wanted is not None:
            self.after.append(EnableTenantRlsOp(wanted))
        elif key in self.found and wanted is not None:
            self._existing(key, replace(wanted, schema=key[0]), previous)
        elif previous is not None:
            self._disable(key, previous)

    def enter(self) -> None:
        """Put the operations around those that are there."""
        _leave_indexes(self.upgrade, self.places, self.indexes)
        self.upgrade.ops[:] = [*self.before, *self.upgrade.ops, *self.after]

    def _existing(self, key: Key, wanted: TenantPolicy, previous: TenantPolicy | None) -> None:
        self.indexes.add((key, wanted.index_name))
        retyped = wanted.column in _retyped(self.upgrade, self.places, key)
        if previous is not None and (previous.column != wanted.column or retyped):
            self._disable(key, previous)
            self.after.append(EnableTenantRlsOp(wanted))
        elif needs_enabling(self.found[key], wanted):
            self.after.append(EnableTenantRlsOp(wanted, previous))

    def _disable(self, key: Key, policy: TenantPolicy) -> None:
        self.before.append(DisableTenantRlsOp(policy))
        self.indexes.add((key, policy.index_name))

    def _previous(self, key: Key) -> TenantPolicy | None:
        """The policy of ours that is there, as far as it can be told."""
        own = own_policy(self.found[key]) if key in self.found else None
        if own is None:
            return None
        form = tenant_form(own.using, self.found[key].types)
        column = form.column if form else self.marking.column
        setting = form.setting if form else self.marking.setting
        return TenantPolicy(table=key[1], column=column, schema=key[0], setting=setting)


def _retyped(upgrade: ops.UpgradeOps, places: _Places, key: Key) -> set[str]:
    """The columns of a table whose type changes."""
    return {
        op.column_name
        for table in upgrade.ops
        if isinstance(table, ops.ModifyTableOps)
        and places.key(table.schema, table.table_name) == key
        for op in table.ops
        if isinstance(op, ops.AlterColumnOp) and op.modify_type
    }


def _leave_indexes(upgrade: ops.UpgradeOps, places: _Places, own: set[tuple[Key, str]]) -> None:
    """No model has the indexes that the operations make, and yet they are meant to be there."""
    for table in upgrade.ops:
        if isinstance(table, ops.ModifyTableOps):
            key = places.key(table.schema, table.table_name)
            table.ops[:] = [
                op
                for op in table.ops
                if not (isinstance(op, ops.DropIndexOp) and (key, str(op.index_name)) in own)
            ]
    upgrade.ops[:] = [
        op for op in upgrade.ops if not (isinstance(op, ops.ModifyTableOps) and op.is_empty())
    ]
