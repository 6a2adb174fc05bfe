"""A desk: a project, its database, and a shell; and one whose tenants share their tables."""

from __future__ import annotations

from desk_fixtures import desk, fleet
from shared_tables import shared

__all__ = ["desk", "fleet", "shared"]
