"""Spreads the new tenants of a file over the shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.filling import needs_shard, place_on_shard
from fastapi_tenancy.model.tenant import Tenant, TenantStatus


class Spread:
    """How full the shards are while tenants are added.

    Args:
        there: those in the catalogue, as they will be.
        new: those to come; whoever says its shard counts before anybody is placed.
    """

    def __init__(
        self, there: Iterable[Tenant], new: Iterable[Tenant], config: TenancyConfig
    ) -> None:
        self._config = config
        said = (tenant for tenant in new if not needs_shard(tenant, config))
        self._counts = Counter(
            t.shard for t in chain(there, said) if t.status is not TenantStatus.DELETED
        )

    def placed(self, tenant: Tenant) -> Tenant:
        """A new tenant with its shard, which is one fuller by then.

        Raises:
            PlacementError: no shard accepts it.
        """
        made = place_on_shard(tenant, self._config, self._counts)
        if made is not tenant and made.status is not TenantStatus.DELETED:
            self._counts[made.shard] += 1
        return made
