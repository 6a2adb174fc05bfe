"""Holds a lease while work is done: renewed as long as this process lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.storage.leases import LEASE_S, LeaseTable

RENEWAL_S = LEASE_S / 3
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
"""Seconds between two looks of those who wait for another process."""

_log = logging.getLogger("fastapi_tenancy")


@asynccontextmanager
async def holding(leases: LeaseTable, name: str, owner: str) -> AsyncIterator[None]:
    """Renew a lease that was taken, until the end of the block; it is not given back there."""
    renewing = asyncio.create_task(_renew(leases, name, owner))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(leases: LeaseTable, name: str, owner: str) -> None:
    while True:
        await asyncio.sleep(RENEWAL_S)
        try:
            if not await leases.renew(name, owner):
                # The version guard of each target keeps the other from doing anything twice.
                _log.warning("the lease %r came to its end meanwhile; another may be at work", name)
                return
        except TenancyError as error:
            _log.warning("the lease %r could not be renewed, which is tried again: %s", name, error)
