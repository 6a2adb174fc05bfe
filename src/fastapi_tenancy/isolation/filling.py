"""Chooses the shard of a new tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.shards import ShardSettings
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant

_IN_COMMON = (IsolationStrategy.SCHEMA, IsolationStrategy.RLS)
"""Strategies under which a database of a tenant's own means nothing."""
Counts = Mapping[str | None, int]
"""How many tenants live on each shard, and, under None, on none: ``TenantStore.count_by_shard``."""


def needs_shard(tenant: Tenant, config: TenancyConfig) -> bool:
    """Whether a new tenant has to be given a shard: it says neither that nor a place of its own."""
    own = tenant.database_url is not None and config.isolation_strategy not in _IN_COMMON
    return bool(config.shards) and tenant.shard is None and not own


def place_on_shard(
    tenant: Tenant, config: TenancyConfig, counts: Counts, *, without: Collection[str | None] = ()
) -> Tenant:
    """Return a new tenant with the least full shard that accepts tenants, of several the first.

    One that says its shard, or has a database of its own, is returned as it is.

    Args:
        without: shards that are not to be chosen, because they do not answer.

    Raises:
        PlacementError: no shard accepts tenants.
    """
    if not needs_shard(tenant, config):
        return tenant
    filled = {name: _count(name, config, counts) for name in config.shards}
    closed = {
        name: "does not answer" if name in without else _closed(shard, filled[name])
        for name, shard in config.shards.items()
    }
    open_ones = [name for name, reason in closed.items() if not reason]
    if not open_ones:
        why = "; ".join(f"{name} {reason}" for name, reason in closed.items())
        raise PlacementError(
            f"no shard accepts tenant {tenant.identifier!r}: {why}. Add a shard, let one accept"
            " more, or say which one is meant all the same (--shard)"
        )
    return replace(tenant, shard=min(open_ones, key=filled.__getitem__))


def is_overfull(shard: str, config: TenancyConfig, counts: Counts) -> bool:
    """Whether a shard has more tenants than its ``max_tenants``."""
    most = config.shards[shard].max_tenants
    return most is not None and _count(shard, config, counts) > most


def _count(name: str, config: TenancyConfig, counts: Counts) -> int:
    """Its tenants; those without a shard too, where they live in the very same database."""
    common, without = config.database_url, counts.get(None, 0)
    here = without and common is not None and place(common) == place(config.shards[name].url)
    return counts.get(name, 0) + (without if here else 0)


def _closed(shard: ShardSettings, count: int) -> str:
    """Why it takes no tenant more, or nothing."""
    if not shard.accepts_tenants:
        return "accepts none (accepts_tenants)"
    if shard.max_tenants is not None and count >= shard.max_tenants:
        return f"has {count} (max_tenants is {shard.max_tenants})"
    return ""
