"""Writes the operations of row-level security into revision files."""

from __future__ import annotations

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext

from fastapi_tenancy.config.rls import RLS_COLUMN, RLS_SETTING
from fastapi_tenancy.isolation.operations import (
    DisableTenantRlsOp,
    EnableTenantRlsOp,
    TenantRlsOp,
)

_IMPORT = "import fastapi_tenancy.migrations.rls  # noqa: F401"


@renderers.dispatch_for(EnableTenantRlsOp)
def _enable(context: AutogenContext, op: EnableTenantRlsOp) -> str:
    return _rendered(context, op)


@renderers.dispatch_for(DisableTenantRlsOp)
def _disable(context: AutogenContext, op: DisableTenantRlsOp) -> str:
    return _rendered(context, op)


def _rendered(context: AutogenContext, op: TenantRlsOp) -> str:
    # The file works where env.py does not know of the operations: under plain Alembic, any time.
    context.imports.add(_IMPORT)
    policy = op.policy
    arguments = [repr(str(policy.table))]
    for name, value, usual in (
        ("column", policy.column, RLS_COLUMN),
        ("schema", policy.schema, None),
        ("setting", policy.setting, RLS_SETTING),
    ):
        if value != usual:
            arguments.append(f"{name}={str(value)!r}")
    if not policy.index:
        arguments.append("index=False")
    prefix = context.opts.get("alembic_module_prefix") or ""
    return f"{prefix}{op.name}({', '.join(arguments)})"
