"""fastapi-tenancy: keeps the databases of a multi-tenant application in step with its code.

The public names are resolved when first used, so that importing one part loads no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
    from fastapi_tenancy.manager import TenancyManager
    from fastapi_tenancy.migrations.current import current_tenant
    from fastapi_tenancy.migrations.given import MigrationManager
    from fastapi_tenancy.migrations.manager import TenantMigrationManager
    from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus
    from fastapi_tenancy.sessions.tenants import TenantSessions
    from fastapi_tenancy.storage.memory import InMemoryTenantStore
    from fastapi_tenancy.storage.pattern import SchemaPatternTenantStore
    from fastapi_tenancy.storage.protocol import TenantStore
    from fastapi_tenancy.storage.query import QueryTenantStore
    from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore
    from fastapi_tenancy.web.admin.router import admin_router
    from fastapi_tenancy.web.context import current_request_tenant
    from fastapi_tenancy.web.dependencies import (
        OptionalTenantDep,
        TenantDep,
        TenantSessionDep,
        get_optional_tenant,
        get_tenant,
        get_tenant_session,
        manager_of,
    )
    from fastapi_tenancy.web.middleware import TenancyMiddleware
    from fastapi_tenancy.web.readiness import readiness_router

_WHERE = {
    "InMemoryTenantStore": "storage.memory",
    "IsolationStrategy": "model.tenant",
    "MigrationManager": "migrations.given",
    "OptionalTenantDep": "web.dependencies",
    "QueryTenantStore": "storage.query",
    "SQLAlchemyTenantStore": "storage.sqlalchemy",
    "SchemaIsolationProvider": "isolation.schema",
    "SchemaPatternTenantStore": "storage.pattern",
    "TenancyConfig": "config",
    "TenancyManager": "manager",
    "TenancyMiddleware": "web.middleware",
    "Tenant": "model.tenant",
    "TenantDep": "web.dependencies",
    "TenantMigrationManager": "migrations.manager",
    "TenantSessionDep": "web.dependencies",
    "TenantSessions": "sessions.tenants",
    "TenantStatus": "model.tenant",
    "TenantStore": "storage.protocol",
    "admin_router": "web.admin.router",
    "current_request_tenant": "web.context",
    "current_tenant": "migrations.current",
    "get_optional_tenant": "web.dependencies",
    "get_tenant": "web.dependencies",
    "get_tenant_session": "web.dependencies",
    "manager_of": "web.dependencies",
    "readiness_router": "web.readiness",
}

__all__ = [
    "InMemoryTenantStore",
    "IsolationStrategy",
    "MigrationManager",
    "OptionalTenantDep",
    "QueryTenantStore",
    "SQLAlchemyTenantStore",
    "SchemaIsolationProvider",
    "SchemaPatternTenantStore",
    "TenancyConfig",
    "TenancyManager",
    "TenancyMiddleware",
    "Tenant",
    "TenantDep",
    "TenantMigrationManager",
    "TenantSessionDep",
    "TenantSessions",
    "TenantStatus",
    "TenantStore",
    "admin_router",
    "current_request_tenant",
    "current_tenant",
    "get_optional_tenant",
    "get_tenant",
    "get_tenant_session",
    "manager_of",
    "readiness_router",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
