"""The share of the fleet that is where it should be, for whoever asks often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.fleet import in_this_loop
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import TenantStatus
from fastapi_tenancy.resolving.flights import Flights
from fastapi_tenancy.revisions.census import FleetShare, count
from fastapi_tenancy.revisions.looking import Looker
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart

REST = 10
"""Between two readings of the fleet, so many times the time that one takes."""
PATIENCE_S = 0.5
"""Seconds that somebody waits for a new answer where there is an older one."""


class SharedCount:
    """Counts the active tenants, and remembers it: many who ask cost one reading.

    Args:
        ttl_s: seconds an answer is remembered, and longer where reading takes long.
    """

    def __init__(
        self,
        looker: Looker,
        isolation: IsolationProvider,
        store: TenantStore,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._looker = looker
        self._isolation = isolation
        self._store = store
        self._ttl_s = ttl_s
        self._clock = clock
        self._last: FleetShare | None = None
        self._until = 0.0
        self._flights: Flights[str, FleetShare] | None = None

    async def share(self) -> FleetShare:
        """Where the active tenants stand now, or stood a moment ago.

        Raises:
            TenancyError: the catalogue cannot be read.
        """
        last = self._last
        if last is not None and self._clock() < self._until:
            return last
        flights = self._flights
        if flights is None or flights.loop is not asyncio.get_running_loop():
            flights = self._flights = Flights(self._read, whom="the fleet")
        if last is None:
            return await flights.answer("share")
        try:  # whoever asks may wait for a second only, and a large fleet takes longer
            async with asyncio.timeout(PATIENCE_S):
                return await flights.answer("share")
        except TimeoutError:
            return last

    async def close(self) -> None:
        """Give up the reading under way, and forget the last one."""
        flights, self._flights = self._flights, None
        if flights is not None:
            await flights.close()
        self._last = None

    async def _read(self, _what: str) -> FleetShare:
        started = self._clock()
        tenants = in_this_loop(self._store, self._isolation)

        def read() -> FleetShare:
            active = [t for t in tenants(Selection()) if t.status is TenantStatus.ACTIVE]
            return count(self._looker, self._isolation, active)

        found = await apart(read)
        now = self._clock()
        self._last, self._until = found, now + max(self._ttl_s, REST * (now - started))
        return found
