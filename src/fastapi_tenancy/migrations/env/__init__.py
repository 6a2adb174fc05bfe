"""What an env.py calls: migrations of one tenant under plain Alembic, of all under `tenancy`."""

from __future__ import annotations

from fastapi_tenancy.migrations.env.running import run_migrations

__all__ = ["run_migrations"]
