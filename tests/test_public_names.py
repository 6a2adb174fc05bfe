"""The names at the package's root: complete, lazy, and where the documentation says."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, get_origin

import fastapi_tenancy


def test_every_public_name_resolves():
    for name in fastapi_tenancy.__all__:
        found = getattr(fastapi_tenancy, name)
        assert get_origin(found) is Annotated or found.__name__ == name
    assert sorted(fastapi_tenancy.__all__) == dir(fastapi_tenancy)


def test_the_doors_of_the_documentation_are_open():
    from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
    from fastapi_tenancy.migrations.manager import TenantMigrationManager
    from fastapi_tenancy.storage.postgres import SQLAlchemyTenantStore

    assert fastapi_tenancy.SchemaIsolationProvider is SchemaIsolationProvider
    assert fastapi_tenancy.TenantMigrationManager is TenantMigrationManager
    assert fastapi_tenancy.SQLAlchemyTenantStore is SQLAlchemyTenantStore


def test_importing_the_package_loads_nothing_else():
    code = (
        "import sys, fastapi_tenancy;"
        "print([m for m in ('sqlalchemy', 'alembic', 'fastapi', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
