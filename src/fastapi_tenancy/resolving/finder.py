"""Finds the tenant of a name: remembered, or asked for in the catalogue."""

from __future__ import annotations

import asyncio

from fastapi_tenancy.errors import (
    CatalogueUnavailableError,
    InvalidNameError,
    TenancyError,
    TenantNotFoundError,
    TenantRefusedError,
)
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.resolving.flights import Flights
from fastapi_tenancy.resolving.key import TenantKey
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.storage.names import check_name
from fastapi_tenancy.storage.protocol import TenantStore

REFUSED_TTL_S = 5.0
"""Seconds a refusal is remembered, at most."""


class TenantFinder:
    """Answers which tenant a name means, from memory where it can.

    Refusals are remembered apart, for a shorter time: whoever asks for names that do not exist
    drives no tenant out of the memory. Unknown tenants and those that are not active take the
    same way and the same time.

    Args:
        size: tenants remembered.
        ttl_s: seconds a tenant is remembered.
        patience_s: seconds the catalogue may take for an answer.
    """

    def __init__(self, store: TenantStore, *, size: int, ttl_s: float, patience_s: float) -> None:
        self._store = store
        self._patience_s = patience_s
        self._served: Remembered[TenantKey, Tenant] = Remembered(size, ttl_s)
        self._refused: Remembered[TenantKey, str] = Remembered(size, min(ttl_s, REFUSED_TTL_S))
        self._flights: Flights[TenantKey, Tenant | str] | None = None

    async def find(self, key: TenantKey) -> Tenant:
        """The active tenant of this name.

        Raises:
            TenantRefusedError: nobody is served by that name.
            CatalogueUnavailableError: the catalogue cannot be asked.
        """
        tenant = self._served.get(key)
        if tenant is not None:
            return tenant
        found = self._refused.get(key) or self._malformed(key) or await self._answer(key)
        if isinstance(found, str):
            raise TenantRefusedError(found)
        return found

    async def close(self) -> None:
        """Give up what is under way, and forget everything."""
        flights, self._flights = self._flights, None
        if flights is not None and flights.loop is asyncio.get_running_loop():
            await flights.close()
        self._served.clear()
        self._refused.clear()

    def _malformed(self, key: TenantKey) -> str | None:
        try:
            check_name(key.value, key.by.value)
        except InvalidNameError as error:
            return str(error)
        return None

    async def _answer(self, key: TenantKey) -> Tenant | str:
        flights = self._flights
        if flights is None or flights.loop is not asyncio.get_running_loop():
            flights = self._flights = Flights(self._ask)
        try:
            async with asyncio.timeout(self._patience_s):
                return await flights.answer(key)
        except TimeoutError as error:
            raise CatalogueUnavailableError(
                f"the catalogue gave no answer in {self._patience_s:g} s"
            ) from error
        except (OSError, TenancyError) as error:
            raise CatalogueUnavailableError(str(error)) from error

    async def _ask(self, key: TenantKey) -> Tenant | str:
        try:
            tenant = await self._store.get_by_identifier(key.value)
        except TenantNotFoundError:
            return self._refuse(key, f"no tenant has the {key.by.value} {key.value!r}")
        if tenant.status is not TenantStatus.ACTIVE:
            return self._refuse(key, f"the tenant {tenant.identifier!r} is {tenant.status.value}")
        self._served.put(key, tenant)
        return tenant

    def _refuse(self, key: TenantKey, why: str) -> str:
        self._refused.put(key, why)
        return why
