"""Finds who else claims the place of a tenant: one reading of the catalogue for all who ask."""

from __future__ import annotations

import asyncio

from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.rivals import place_in, rivals
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.storage.protocol import TenantStore


class Rivalry:
    """Reads the catalogue for everybody who waits when a reading begins.

    A place is a derived name, which no catalogue can look up: each answer takes reading all of it.
    """

    def __init__(self, store: TenantStore, isolation: IsolationProvider) -> None:
        self._store = store
        self._place = place_in(isolation)
        self._waiting: list[tuple[Tenant, asyncio.Future[list[Tenant]]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def of(self, tenant: Tenant) -> list[Tenant]:
        """The other tenants that claim the same place.

        Raises:
            TenancyError: the catalogue cannot be read.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Tenant]] = loop.create_future()
        self._waiting.append((tenant, answer))
        reading = self._reading
        if reading is None or reading.done() or reading.get_loop() is not loop:
            self._reading = asyncio.create_task(self._read())
        return await answer

    async def close(self) -> None:
        """Give up the reading under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        while self._waiting:
            asking, self._waiting = self._waiting, []
            try:
                others = await rivals(self._store, [t for t, _ in asking], self._place)
            except BaseException as error:
                for _, answer in asking:
                    _fail(answer, error)
                if isinstance(error, asyncio.CancelledError):
                    raise
                continue
            for tenant, answer in asking:
                self._answer(tenant, answer, others)

    def _answer(
        self, tenant: Tenant, answer: asyncio.Future[list[Tenant]], others: list[Tenant]
    ) -> None:
        if not answer.done():
            place = self._place(tenant)
            answer.set_result([other for other in others if self._place(other) == place])


def _fail(answer: asyncio.Future[list[Tenant]], error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
