"""Finds the shard of a new tenant that names none, and enters it there."""

from __future__ import annotations

import asyncio
import logging
import random

from fastapi_tenancy.errors import PlacementError, ServerUnreachableError
from fastapi_tenancy.isolation.filling import is_overfull, place_on_shard
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.provision.claims import agreed_target
from fastapi_tenancy.provision.entering import enter, look, require_nothing_there, withdraw
from fastapi_tenancy.storage.protocol import TenantStore

ATTEMPTS = 6
"""How often a place is looked for while others look for one too."""
FIRST_PAUSE_S = 0.05

_log = logging.getLogger("fastapi_tenancy")

Away = dict[str | None, ServerUnreachableError]
"""Shards that did not answer, and what was said."""


async def enter_on_a_shard(
    wanted: Tenant, store: TenantStore, isolation: IsolationProvider
) -> Tenant:
    """Enter a tenant on the least full shard that accepts tenants and answers.

    No shard gets more than its ``max_tenants``: whoever finds one tenant too many after entering
    withdraws, and looks for another place a little later. Of several that do so at once, each
    another while, one is the first again.

    Raises:
        PlacementError: no shard accepts tenants, or its place there cannot be used.
        ServerUnreachableError: those that accept tenants do not answer.
        TenantExistsError: it exists, or its names or its place are another's.
    """
    away: Away = {}
    for attempt in range(ATTEMPTS):
        try:
            placed = await _placed(wanted, store, isolation, away)
        except PlacementError:
            if attempt in (0, ATTEMPTS - 1):
                raise
        else:
            begun = await enter(placed, store, isolation)
            if not await _is_too_many(begun, store, isolation):
                return begun
            await withdraw(begun, store)
        most = FIRST_PAUSE_S * 2**attempt
        await asyncio.sleep(random.uniform(0, most))  # noqa: S311 - nobody is to guess it
    raise PlacementError(
        f"tenant {wanted.identifier!r} found no shard with room, while others were created at the"
        " same time: try again. Nothing was changed"
    )


async def _placed(
    wanted: Tenant, store: TenantStore, isolation: IsolationProvider, away: Away
) -> Tenant:
    """The tenant on the shard it is to live on, whose server has just answered."""
    while True:
        placed = await _chosen(wanted, store, isolation, away)
        target = agreed_target(placed, isolation)
        require_reachable(target)
        try:
            contents = await look(target, isolation)
        except ServerUnreachableError as error:
            away[placed.shard] = error
            _log.warning(
                "shard %r does not answer, and is passed over for tenant %r: %s",
                placed.shard,
                wanted.identifier,
                error,
            )
            continue
        if target.strategy is not IsolationStrategy.RLS:
            await require_nothing_there(placed, contents, target, store)
        return placed


async def _chosen(
    wanted: Tenant, store: TenantStore, isolation: IsolationProvider, away: Away
) -> Tenant:
    counts = await store.count_by_shard()
    try:
        return place_on_shard(wanted, isolation.config, counts, without=away)
    except PlacementError as full:
        for error in away.values():
            raise error from full
        raise


async def _is_too_many(begun: Tenant, store: TenantStore, isolation: IsolationProvider) -> bool:
    """Whether its shard has more tenants than it should, this one among them."""
    shard = begun.shard
    if shard is None or isolation.config.shards[shard].max_tenants is None:
        return False
    return is_overfull(shard, isolation.config, await store.count_by_shard())
