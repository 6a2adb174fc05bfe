"""Finds the tenant of a name: remembered, or asked for in the catalogue."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable

from fastapi_tenancy.errors import (
    CatalogueUnavailableError,
    InvalidNameError,
    TenantNotFoundError,
    TenantRefusedError,
    UnavailableError,
)
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.resolving.flights import Flights
from fastapi_tenancy.resolving.key import TenantKey
from fastapi_tenancy.resolving.lookups import lookup
from fastapi_tenancy.resolving.outage import Outage
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.storage.changes import Change, subscribe
from fastapi_tenancy.storage.names import check_name
from fastapi_tenancy.storage.protocol import TenantStore

REFUSED_TTL_S = 5.0
"""Seconds a refusal is remembered, at most."""


class TenantFinder:
    """Answers which tenant a name means, from memory where it can.

    Refusals are remembered apart, for a shorter time: whoever asks for names that do not exist
    drives no tenant out of the memory. Unknown tenants and those that are not active take the
    same way and the same time. What a store of this process changes is forgotten at once.

    Args:
        size: tenants remembered.
        ttl_s: seconds a tenant is remembered.
        patience_s: seconds the catalogue may take for an answer.
    """

    def __init__(
        self,
        store: TenantStore,
        *,
        size: int,
        ttl_s: float,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._patience_s = patience_s
        self._served: Remembered[TenantKey, Tenant] = Remembered(size, ttl_s, clock)
        refused_ttl_s = min(ttl_s, REFUSED_TTL_S)
        self._refused: Remembered[TenantKey, str] = Remembered(size, refused_ttl_s, clock)
        self._flights: Flights[TenantKey, Tenant | str] | None = None
        self._outage = Outage(clock)
        self._changes = 0
        weakref.finalize(self, subscribe(_weakly(weakref.WeakMethod(self._changed))))

    def remembered(self, key: TenantKey) -> Tenant | None:
        """The active tenant of this name, if it is remembered."""
        return self._served.get(key)

    async def find(self, key: TenantKey) -> Tenant:
        """The active tenant of this name, remembered or asked for.

        Raises:
            TenantRefusedError: nobody is served by that name.
            CatalogueUnavailableError: the catalogue cannot be asked.
        """
        tenant = self.remembered(key)
        if tenant is not None:
            return tenant
        found = self._refused.get(key) or _malformed(key) or await self._answer(key)
        if isinstance(found, str):
            raise TenantRefusedError(found)
        return found

    async def close(self) -> None:
        """Give up what is under way, and forget everything."""
        flights, self._flights = self._flights, None
        if flights is not None:
            await flights.close()
        self._served.clear()
        self._refused.clear()

    async def _answer(self, key: TenantKey) -> Tenant | str:
        flights = self._flights
        if flights is None or flights.loop is not asyncio.get_running_loop():
            flights = self._flights = Flights(self._ask)
        try:
            return await flights.answer(key)
        except UnavailableError as error:  # of one question, but for each who asked it
            raise CatalogueUnavailableError(str(error), error.retry_after_s) from error

    async def _ask(self, key: TenantKey) -> Tenant | str:
        before = self._changes
        try:
            with self._outage.watched():
                tenant = await self._looked_up(key)
        except TenantNotFoundError:
            answer: Tenant | str = f"no tenant has the {key.by} {key.value!r}"
        else:
            answer = if_active(tenant)
        self._remember(key, answer)
        if self._changes != before:  # it may be what was there before
            self._forget([key])
        return answer

    async def _looked_up(self, key: TenantKey) -> Tenant:
        try:
            async with asyncio.timeout(self._patience_s):
                found = await lookup(self._store, key.by)(key.value)
        except TimeoutError as error:
            raise TimeoutError(f"the catalogue gave no answer in {self._patience_s:g} s") from error
        if found is None:
            raise TenantNotFoundError(key.value)
        return found

    def _remember(self, key: TenantKey, answer: Tenant | str) -> None:
        if isinstance(answer, str):
            self._refused.put(key, answer)
        else:
            self._served.put(key, answer)

    def _changed(self, change: Change) -> None:
        self._changes += 1
        flights = self._flights
        if flights is not None:
            flights.part()
        names = (*change.before, *change.after)
        self._forget([TenantKey("identifier", one.identifier) for one in names])
        self._forget([TenantKey("host", one.host) for one in names if one.host is not None])

    def _forget(self, keys: list[TenantKey]) -> None:
        self._served.forget(keys)
        self._refused.forget(keys)


def _malformed(key: TenantKey) -> str | None:
    try:
        check_name(key.value, key.by)
    except InvalidNameError as error:
        return str(error)
    return None


def if_active(tenant: Tenant) -> Tenant | str:
    """The tenant where it is active, and else why it is not served."""
    if tenant.status is TenantStatus.ACTIVE:
        return tenant
    return f"the tenant {tenant.identifier!r} is {tenant.status.value}"


def _weakly(method: weakref.WeakMethod[Callable[[Change], None]]) -> Callable[[Change], None]:
    """What to subscribe with, so that the subscription keeps nobody alive."""

    def told(change: Change) -> None:
        found = method()
        if found is not None:
            found(change)

    return told
