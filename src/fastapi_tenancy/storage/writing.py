"""What is sent when tenants are written into the table of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from fastapi_tenancy.errors import TenantNotFoundError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.storage.changes import TenantNames
from fastapi_tenancy.storage.encryption import UrlCipher
from fastapi_tenancy.storage.names import check_tenant
from fastapi_tenancy.storage.protocol import Tenants
from fastapi_tenancy.storage.table import TENANTS, row_of

NAMES = (TENANTS.c.id, TENANTS.c.identifier, TENANTS.c.host)


def new_row(tenant: Tenant, now: datetime, cipher: UrlCipher) -> dict[str, Any]:
    """The row of a tenant that is added.

    Raises:
        InvalidNameError: a catalogue cannot keep it.
    """
    return row_of(check_tenant(tenant), cipher) | {
        "created_at": tenant.created_at or now,
        "updated_at": tenant.updated_at or now,
    }


def held(connection: sa.Connection, ids: Sequence[str]) -> list[TenantNames]:
    """What tenants are found by; locked, so that nobody changes or removes one of them."""
    held = sa.select(*NAMES).where(TENANTS.c.id.in_(ids)).with_for_update()
    return [TenantNames(*row) for row in connection.execute(held)]


def replaced(connection: sa.Connection, tenants: Tenants, cipher: UrlCipher) -> list[TenantNames]:
    """Replace tenants of a catalogue, and return what they were found by.

    Raises:
        TenantNotFoundError: one of them is not there.
    """
    ids = [check_tenant(tenant).id for tenant in tenants]
    before = held(connection, ids)
    there = {names.id for names in before}
    for id_ in ids:
        if id_ not in there:
            raise TenantNotFoundError(id_)
    now = datetime.now(UTC)
    rows = [row_of(tenant, cipher) | {"key": tenant.id, "updated_at": now} for tenant in tenants]
    connection.execute(sa.update(TENANTS).where(TENANTS.c.id == sa.bindparam("key")), rows)
    return before
