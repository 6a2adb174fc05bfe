"""What the operations of a revision stand for: differences between models and tables, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops

from fastapi_tenancy.isolation.operations import DisableTenantRlsOp, EnableTenantRlsOp


@dataclass(frozen=True, slots=True)
class Difference:
    """What one operation is for; ``kind`` is its name in ``op``."""

    kind: str
    table: str
    schema: str | None
    found: str


def differences(container: Any) -> Iterator[Difference]:
    """The differences behind Alembic's ``UpgradeOps``."""
    for op in container.ops:
        if hasattr(op, "ops"):
            yield from differences(op)
            continue
        kind, told = _KINDS.get(type(op), (type(op).__name__, _as_alembic_tells_it))
        for found in told(op):
            yield Difference(kind, *_place(op), found)


def _place(op: Any) -> tuple[str, str | None]:
    """The table of an operation, and its schema where that is named."""
    policy = getattr(op, "policy", None)
    if policy is not None:
        return policy.table, policy.schema
    table = getattr(op, "table_name", None) or getattr(op, "source_table", None)
    schema = getattr(op, "schema", None) or getattr(op, "source_schema", None)
    return str(table or ""), schema


Told = Callable[[Any], Iterator[str]]


def _as_alembic_tells_it(op: Any) -> Iterator[str]:
    yield str(op.to_diff_tuple())


def _missing(what: str, named: Callable[[Any], str] = lambda _: "") -> Told:
    return lambda op: iter((f"{f'{what} {named(op)}'.strip()} is in the models only",))


def _surplus(what: str, named: Callable[[Any], str] = lambda _: "") -> Told:
    return lambda op: iter((f"{f'{what} {named(op)}'.strip()} is not in the models",))


def _named(op: Any) -> str:
    return str(getattr(op, "constraint_name", None) or "")


def _of_columns(op: Any) -> str:
    columns = ", ".join(str(getattr(column, "name", column)) for column in op.columns)
    return f"{_named(op)} ({columns})".strip()


def _reference(op: ops.CreateForeignKeyOp) -> str:
    return f"{_named(op)} ({', '.join(map(str, op.local_cols))}) to {op.referent_table}".strip()


def _altered(op: ops.AlterColumnOp) -> Iterator[str]:
    column = f"column {op.column_name}"
    if op.modify_type is not None:
        yield f"{column} is {op.existing_type!r}, in the models {op.modify_type!r}"
    if op.modify_nullable is not None:
        may, may_not = ("may not", "may") if op.modify_nullable else ("may", "may not")
        yield f"{column} {may} be NULL, in the models it {may_not}"
    if op.modify_server_default is not False:
        there, models = _default(op.existing_server_default), _default(op.modify_server_default)
        yield f"{column} has {there}, in the models {models}"
    if op.modify_comment is not False:
        there, models = op.existing_comment or "", op.modify_comment or ""
        yield f"{column} has the comment {there!r}, in the models {models!r}"


def _default(default: Any) -> str:
    if default is None or default is False:
        return "no default"
    return f"the default {getattr(default, 'arg', default)}"


_APART = "its rows are of several tenants, and nothing keeps them apart"
_NOT_APART = "its rows are kept apart, and the models do not say that they are of several tenants"

_KINDS: dict[type[Any], tuple[str, Told]] = {
    ops.CreateTableOp: ("create_table", _missing("the table")),
    ops.DropTableOp: ("drop_table", _surplus("the table")),
    ops.AddColumnOp: ("add_column", _missing("column", lambda op: str(op.column.name))),
    ops.DropColumnOp: ("drop_column", _surplus("column", lambda op: str(op.column_name))),
    ops.AlterColumnOp: ("alter_column", _altered),
    ops.CreateIndexOp: ("create_index", _missing("index", lambda op: str(op.index_name))),
    ops.DropIndexOp: ("drop_index", _surplus("index", lambda op: str(op.index_name))),
    ops.CreateUniqueConstraintOp: (
        "create_unique_constraint",
        _missing("unique constraint", _of_columns),
    ),
    ops.CreatePrimaryKeyOp: ("create_primary_key", _missing("primary key", _of_columns)),
    ops.CreateForeignKeyOp: ("create_foreign_key", _missing("foreign key", _reference)),
    ops.CreateCheckConstraintOp: ("create_check_constraint", _missing("check", _named)),
    ops.DropConstraintOp: ("drop_constraint", _surplus("constraint", _named)),
    ops.CreateTableCommentOp: ("create_table_comment", _missing("its comment")),
    ops.DropTableCommentOp: ("drop_table_comment", _surplus("its comment")),
    EnableTenantRlsOp: ("enable_tenant_rls", lambda _: iter((_APART,))),
    DisableTenantRlsOp: ("disable_tenant_rls", lambda _: iter((_NOT_APART,))),
}
"""By operation: its name, and what it says."""
