"""Row-level security: whether policies hold for the role that asks, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, action, fine, note
from fastapi_tenancy.migrations.checking.live import look_at_role, shared_homes

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig

CHECK = "row-level security"


def look_at_rls(config: TenancyConfig) -> Iterator[Finding]:
    """Say what does not hold in the databases that tenants share; nothing where they share none."""
    every = list(look_at_role(config))
    for found in every:
        table = f"{found.table}: " if found.table else ""
        kind = note if found.note else action
        yield kind(CHECK, f"{found.where}: {table}{found.found}", found.do)
    if shared_homes(config) and not every:
        yield fine(CHECK, f"policies hold for {config.rls_role or 'the role of database_url'}")
