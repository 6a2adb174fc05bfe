"""The gate that requests pass: open for tenants that stand where the application needs them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.revisions import WhenBehind
from fastapi_tenancy.errors import (
    PlacementError,
    RevisionNotServedError,
    ServerUnreachableError,
    UnavailableError,
)
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import TargetKey
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.flights import WAITING, Flights
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.revisions.asked import Asked
from fastapi_tenancy.revisions.judge import Judgement, Verdict
from fastapi_tenancy.revisions.on_request import OnRequest
from fastapi_tenancy.revisions.reading import Positions

BRIEF_S = 1.0
"""Seconds a tenant is refused without another look: who was just migrated waits no longer."""
RETRY_S = 5
"""Seconds after which a refused client may come again."""
MIGRATING_RETRY_S = 2
"""The same where its tenant is being migrated."""
AWAY_RETRY_S = 1
"""The same where nobody can say where its tenant stands."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Why nobody is served for now; an empty reason where everybody is."""

    reason: str = ""
    retry_after_s: int | None = RETRY_S


_SERVED = _Answer()


class RevisionGate:
    """Lets requests through whose tenants are at a revision that the application serves.

    That a tenant is there is remembered, so that warm requests ask nobody. One that is not there
    is looked at again before it is refused, at most once in ``BRIEF_S``.
    """

    def __init__(
        self,
        config: TenancyConfig,
        isolation: IsolationProvider,
        positions: Positions,
        on_request: OnRequest | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        on_request: migrates tenants that are behind; None where they are not.
        """
        self._when_behind = config.when_behind
        self._wait_s = config.migrate_wait_s
        self._isolation = isolation
        self._positions = positions
        self._on_request = on_request
        size = config.cache_size
        self._there: Remembered[TargetKey, bool] = Remembered(size, config.revision_ttl_s, clock)
        self._briefly: Remembered[TargetKey, _Answer] = Remembered(size, BRIEF_S, clock)
        self._places: Remembered[str, tuple[Tenant, Asked]] = Remembered(size, 3600, clock)
        self._looks: Flights[Asked, Verdict] | None = None

    def admits(self, tenant: Tenant) -> bool:
        """True where it is remembered that the tenant is served; asks nobody."""
        place = self._places.get(tenant.id)
        if place is None or (place[0] is not tenant and place[0] != tenant):
            return False
        return self._there.get(place[1].key) is not None

    async def admit(self, tenant: Tenant) -> None:
        """Return when the tenant can be served.

        Raises:
            RevisionNotServedError: it cannot, for now.
        """
        try:
            asked = self._place(tenant)
        except PlacementError as error:
            if self._when_behind is WhenBehind.SERVE:
                return  # whoever works there will say so
            raise _refusal(tenant, _Answer(str(error))) from error
        if self._there.get(asked.key) is None:
            answer = self._briefly.get(asked.key) or await self._answer(asked)
            if answer.reason:
                raise _refusal(tenant, answer)

    def forget(self, tenant_id: str) -> None:
        """Look again where a tenant stands, at its next request."""
        place = self._places.get(tenant_id)
        self._places.forget([tenant_id])
        if place is not None:
            self._there.forget([place[1].key])
            self._briefly.forget([place[1].key])

    async def close(self) -> None:
        """Give up what is under way, and forget everything."""
        looks, self._looks = self._looks, None
        if looks is not None:
            await looks.close()
        for remembered in (self._there, self._briefly, self._places):
            remembered.clear()

    def _place(self, tenant: Tenant) -> Asked:
        known = self._places.get(tenant.id)
        if known is not None and known[0] == tenant:
            return known[1]
        target = self._isolation.target(tenant)
        asked = Asked(target.key, target)
        self._places.put(tenant.id, (tenant, asked))
        return asked

    async def _answer(self, asked: Asked) -> _Answer:
        on_request = self._on_request
        if on_request is None:
            return await self._looked(asked) or _SERVED
        if not on_request.is_under_way(asked):
            answer = await self._looked(asked)
            if answer is not None:
                return answer
        return await self._brought(asked, on_request)

    async def _looked(self, asked: Asked) -> _Answer | None:
        """The answer by where the tenant stands now; None where it has to be migrated first."""
        serves = self._when_behind is WhenBehind.SERVE
        try:
            verdict = await self._flights().answer(asked)
        except (ServerUnreachableError, UnavailableError) as error:
            return _SERVED if serves else _Answer(str(error), AWAY_RETRY_S)
        judgement = verdict.judgement
        if judgement is Judgement.BEHIND and self._on_request is not None:
            return None
        if judgement is Judgement.SERVED or (serves and judgement is Judgement.BEHIND):
            self._there.put(asked.key, True)
            return _SERVED
        serves &= judgement is Judgement.UNREADABLE
        answer = _SERVED if serves else _Answer(verdict.told)
        self._briefly.put(asked.key, answer)
        return answer

    async def _brought(self, asked: Asked, on_request: OnRequest) -> _Answer:
        """Wait for the migration of a tenant, for as long as a request may."""
        try:
            async with asyncio.timeout(self._wait_s):
                await on_request.bring(asked)
        except TimeoutError:
            told = f"it is being migrated, which takes longer than {self._wait_s:g} s"
            return _Answer(told, MIGRATING_RETRY_S)
        except UnavailableError as error:
            answer = _Answer(str(error), error.retry_after_s)
            self._briefly.put(asked.key, answer)
            return answer
        self._there.put(asked.key, True)
        return _SERVED

    def _flights(self) -> Flights[Asked, Verdict]:
        looks = self._looks
        if looks is None or looks.loop is not asyncio.get_running_loop():
            looks = self._looks = Flights(self._look, at_once=WAITING, whom="the gate")
        return looks

    async def _look(self, asked: Asked) -> Verdict:
        return await self._positions.verdict(asked.target)


def _refusal(tenant: Tenant, answer: _Answer) -> RevisionNotServedError:
    told = f"the tenant {tenant.identifier!r} is not served: {answer.reason}"
    return RevisionNotServedError(told, answer.retry_after_s)
