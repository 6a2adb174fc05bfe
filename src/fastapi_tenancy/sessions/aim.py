"""What makes a transaction see one tenant: statements that its BEGIN takes along, or options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.hybrid import HybridIsolationProvider
from fastapi_tenancy.isolation.names import literal, quote
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.session import SchemaAccess, TenantField
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant

OPTION = "tenancy_aim"
"""The execution option of an engine that names the aim of its transactions."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the transactions of a session go.

    ``head`` holds statements that end with the transaction; ``schema`` has to be there, because
    PostgreSQL looks a search path over silently; ``options`` are SQLAlchemy's execution options.
    """

    whose: str
    head: tuple[str, ...] = ()
    schema: str = ""
    guarded: bool = False
    """True where row-level security has to hold for the role."""
    options: Mapping[str, Any] = field(default_factory=dict)


COMMON = Aim("everybody")
"""Shared tables: no tenant, the role's own search path."""

GUARDED = Aim("everybody", guarded=True)
"""As ``COMMON``, to find out whether row-level security would hold."""


def aim_of(isolation: IsolationProvider, target: Target) -> Aim:
    """The aim of a session of the tenant that lives at ``target``."""
    config, tenant = isolation.config, target.tenant
    whose = f"the tenant {tenant.identifier!r}"
    if target.strategy is IsolationStrategy.RLS:
        return Aim(whose, (*_role(config), _says(config, tenant)), guarded=True)
    # One history makes the tables of all tenants of a mix: policies are in every place then.
    mixed = isinstance(isolation, HybridIsolationProvider) and not target.is_file
    head = (_says(config, tenant),) if mixed else ()
    if target.strategy is IsolationStrategy.DATABASE:
        return Aim(whose, head)
    if config.session_schema is SchemaAccess.SCHEMA_TRANSLATE_MAP:
        options = {"schema_translate_map": {None: target.schema}}
        return Aim(whose, head, schema=target.schema, options=options)
    path = f"SET LOCAL search_path TO {isolation.search_path(target)}"
    return Aim(whose, (path, *head), schema=target.schema)


def _says(config: TenancyConfig, tenant: Tenant) -> str:
    """What tells the policies of tables whose transaction it is."""
    value = tenant.id if config.rls_field is TenantField.ID else tenant.identifier
    name = ".".join(quote(part) for part in config.rls_setting.split("."))
    return f"SET LOCAL {name} TO {literal(value)}"


def _role(config: TenancyConfig) -> tuple[str, ...]:
    return (f"SET LOCAL ROLE {quote(config.rls_role)}",) if config.rls_role else ()
