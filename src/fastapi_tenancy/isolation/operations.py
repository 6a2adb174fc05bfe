"""Alembic's operations for row-level security; importing this module registers them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations

from fastapi_tenancy.config.rls import RLS_COLUMN, RLS_SETTING
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.policy import TenantPolicy, disable_sql, enable_sql


class TenantRlsOp(MigrateOperation):
    """What both operations have in common."""

    name = ""

    def __init__(self, policy: TenantPolicy) -> None:
        self.policy = policy

    def to_diff_tuple(self) -> tuple[str, str | None, str, str]:
        """As ``compare_metadata`` tells a difference: what, and the schema, table and column."""
        return (self.name, self.policy.schema, self.policy.table, self.policy.column)


@Operations.register_operation("enable_tenant_rls")
class EnableTenantRlsOp(TenantRlsOp):
    """Let a table show each tenant its own rows.

    Args:
        back: what a downgrade comes back to, where the table had such a policy before.
    """

    name = "enable_tenant_rls"

    def __init__(self, policy: TenantPolicy, back: TenantPolicy | None = None) -> None:
        super().__init__(policy)
        self.back = back

    @classmethod
    def enable_tenant_rls(
        cls,
        operations: Operations,
        table_name: str,
        *,
        column: str = RLS_COLUMN,
        schema: str | None = None,
        setting: str = RLS_SETTING,
        index: bool = True,
    ) -> None:
        """Let a table show each tenant its own rows, whoever asks, its owner too.

        A row is seen, and can be written, where ``column`` equals the PostgreSQL setting
        ``setting``; without that setting none is. Running it again puts right what was changed.

        Args:
            index: make an index of the column where none leads with it.

        Raises:
            InvalidNameError: a name that PostgreSQL could not hold.
            ConfigurationError: ``setting`` has no dot in it, or this is not PostgreSQL.
        """
        operations.invoke(
            cls(
                TenantPolicy(
                    table=table_name, column=column, schema=schema, setting=setting, index=index
                )
            )
        )

    def reverse(self) -> TenantRlsOp:
        """What a downgrade does: as it was before, where a policy was put right."""
        if self.back is not None:
            return EnableTenantRlsOp(self.back, self.policy)
        return DisableTenantRlsOp(self.policy)


@Operations.register_operation("disable_tenant_rls")
class DisableTenantRlsOp(TenantRlsOp):
    """Take back what ``enable_tenant_rls`` did."""

    name = "disable_tenant_rls"

    @classmethod
    def disable_tenant_rls(
        cls,
        operations: Operations,
        table_name: str,
        *,
        column: str = RLS_COLUMN,
        schema: str | None = None,
        setting: str = RLS_SETTING,
        index: bool = True,
    ) -> None:
        """Take back what ``enable_tenant_rls`` did, with the same arguments.

        Where the table has other policies, row-level security stays on for them.

        Raises:
            InvalidNameError: a name that PostgreSQL could not hold.
            ConfigurationError: this is not PostgreSQL.
        """
        operations.invoke(
            cls(
                TenantPolicy(
                    table=table_name, column=column, schema=schema, setting=setting, index=index
                )
            )
        )

    def reverse(self) -> EnableTenantRlsOp:
        """What a downgrade does."""
        return EnableTenantRlsOp(self.policy)


@Operations.implementation_for(EnableTenantRlsOp)
def _enable(operations: Operations, op: EnableTenantRlsOp) -> None:
    operations.execute(as_text(enable_sql(_placed(operations, op))))


@Operations.implementation_for(DisableTenantRlsOp)
def _disable(operations: Operations, op: DisableTenantRlsOp) -> None:
    operations.execute(as_text(disable_sql(_placed(operations, op))))


def as_text(sql: str) -> sa.TextClause:
    """SQL that is sent as it stands: nothing in it is a parameter."""
    return sa.text(sql.replace(":", r"\:"))


def _placed(operations: Operations, op: TenantRlsOp) -> TenantPolicy:
    """The policy where a ``schema_translate_map`` of the connection leads, as of any other table.

    Raises:
        ConfigurationError: this is not PostgreSQL.
    """
    context: Any = operations.migration_context
    if context.dialect.name != "postgresql":
        raise ConfigurationError(
            f"op.{op.name}({op.policy.table!r}) is for PostgreSQL, and this database is"
            f" {context.dialect.name}, which has no row-level security. Where tenants have files"
            " or databases of their own nothing is shared: leave the operation out"
        )
    if context.as_sql or context.connection is None:
        return op.policy
    translate = context.connection.get_execution_options().get("schema_translate_map") or {}
    schema = translate.get(op.policy.schema, op.policy.schema)
    return replace(op.policy, schema=schema)
