"""Whose a schema or a database is: sessions of two tenants never meet in one."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.resolving.remembered import Remembered

KNOWN_S = 60.0
"""Seconds after which a place may be another tenant's: it may have been given away."""
_REMEMBERED = 10_000


class Owners:
    """Remembers which tenant had the last session in a place.

    Catalogues keep places apart as far as they know them. A table of one's own that a query
    reads, for instance, may name one schema for two tenants.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._known: Remembered[TargetKey, Tenant] = Remembered(_REMEMBERED, KNOWN_S, clock)

    def require(self, target: Target) -> None:
        """Go on where nobody else is known to live; with row-level security everybody may.

        Raises:
            PlacementError: it is another tenant's.
        """
        if target.strategy is IsolationStrategy.RLS:
            return
        tenant = target.tenant
        owner = self._known.get(target.key)
        if owner is not None and owner.id != tenant.id:
            what = f"schema {target.schema!r}" if target.schema else f"database {target.name!r}"
            raise PlacementError(
                f"the {what} of tenant {tenant.identifier!r} is that of tenant"
                f" {owner.identifier!r} as well: each would see what is the other's. Give one of"
                " them a place of its own (schema_name, database_url)"
            )
        self._known.put(target.key, tenant)

    def forget(self, target: Target) -> None:
        """Forget whose a place is."""
        self._known.forget([target.key])
