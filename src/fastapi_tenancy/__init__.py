"""fastapi-tenancy: keeps the databases of a multi-tenant application in step with its code.

The public names are resolved when first used, so that importing one part loads no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
    from fastapi_tenancy.migrations.current import current_tenant
    from fastapi_tenancy.migrations.given import MigrationManager
    from fastapi_tenancy.migrations.manager import TenantMigrationManager
    from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus
    from fastapi_tenancy.storage.memory import InMemoryTenantStore
    from fastapi_tenancy.storage.pattern import SchemaPatternTenantStore
    from fastapi_tenancy.storage.protocol import TenantStore
    from fastapi_tenancy.storage.query import QueryTenantStore
    from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

_WHERE = {
    "InMemoryTenantStore": "storage.memory",
    "IsolationStrategy": "model.tenant",
    "MigrationManager": "migrations.given",
    "QueryTenantStore": "storage.query",
    "SQLAlchemyTenantStore": "storage.sqlalchemy",
    "SchemaIsolationProvider": "isolation.schema",
    "SchemaPatternTenantStore": "storage.pattern",
    "Tenant": "model.tenant",
    "TenancyConfig": "config",
    "TenantMigrationManager": "migrations.manager",
    "TenantStatus": "model.tenant",
    "TenantStore": "storage.protocol",
    "current_tenant": "migrations.current",
}

__all__ = [
    "InMemoryTenantStore",
    "IsolationStrategy",
    "MigrationManager",
    "QueryTenantStore",
    "SQLAlchemyTenantStore",
    "SchemaIsolationProvider",
    "SchemaPatternTenantStore",
    "TenancyConfig",
    "Tenant",
    "TenantMigrationManager",
    "TenantStatus",
    "TenantStore",
    "current_tenant",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
