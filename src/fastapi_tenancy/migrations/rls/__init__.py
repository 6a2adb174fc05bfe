"""Row-level security in migrations; importing this is what an env.py of plain Alembic does."""

from __future__ import annotations

import fastapi_tenancy.migrations.rls.registering  # noqa: F401
