"""Brings a tenant to the revision the application needs, when its first request comes."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import MigrationFailedError, TenancyError, UnavailableError, said
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.running import results, run
from fastapi_tenancy.migrations.telling import log_warnings
from fastapi_tenancy.migrations.tracks.opening import open_tracks
from fastapi_tenancy.migrations.tracks.running import TracksRun
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.resolving.flights import WAITING, Flights
from fastapi_tenancy.revisions.asked import Asked
from fastapi_tenancy.revisions.holding import FIRST_PAUSE_S, LONGEST_PAUSE_S, holding
from fastapi_tenancy.revisions.judge import Judgement
from fastapi_tenancy.revisions.reading import Positions
from fastapi_tenancy.revisions.rivalry import Rivalry
from fastapi_tenancy.revisions.turns import turn
from fastapi_tenancy.storage.leases import Lease, LeaseTable
from fastapi_tenancy.storage.protocol import TenantStore

AT_ONCE = 2
"""Tenants that one process migrates at a time; all processes together, ``concurrency``."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
"""Seconds before a migration that failed is tried again: the double each time, up to this."""

Brought = Callable[[Tenant], Awaitable[None]]
"""Told of each tenant that stands somewhere else now."""

_log = logging.getLogger("fastapi_tenancy")


class OnRequest:
    """Migrates tenants one by one, each by one process of all that share the leases.

    Others wait: they look at the position and the lease now and then, and hold no connection in
    between.
    """

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore,
        isolation: IsolationProvider,
        positions: Positions,
        leases: LeaseTable,
        brought: Brought,
    ) -> None:
        self._config = config
        self._isolation = isolation
        self._positions = positions
        self._leases = leases
        self._brought = brought
        self._owner = uuid.uuid4().hex
        self._rivalry = Rivalry(store, isolation)
        self._under_way = 0
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._flights = self._made_flights()

    def is_under_way(self, asked: Asked) -> bool:
        """Whether the tenants of that place are being migrated, here or elsewhere."""
        return self._flights.is_under_way(asked)

    async def bring(self, asked: Asked) -> None:
        """Return when the tenants of that place can be served; goes on where the caller is gone.

        Raises:
            UnavailableError: they cannot be migrated for now.
        """
        if self._flights.loop is not asyncio.get_running_loop():
            self._turn, self._flights = asyncio.Semaphore(AT_ONCE), self._made_flights()
        await self._flights.answer(asked)

    async def close(self) -> None:
        """Start no other; the statement in flight is finished."""
        await self._flights.close()
        await self._rivalry.close()

    def _made_flights(self) -> Flights[Asked, None]:
        return Flights(self._bring, at_once=WAITING, whom="the migration on request")

    async def _bring(self, asked: Asked) -> None:
        self._under_way += 1
        try:
            await self._led(asked)
        except UnavailableError:
            raise
        except TenancyError as error:
            raise UnavailableError(str(error)) from error
        finally:
            self._under_way -= 1
            if not self._under_way:
                await self._leases.close()  # nobody needs its connections for now
        await self._brought(asked.tenant)

    async def _led(self, asked: Asked) -> None:
        """Migrate, or wait for the process that does."""
        others = [] if _shared(asked) else await self._rivalry.of(asked.tenant)
        name, pause = _lease_name(asked), FIRST_PAUSE_S
        while True:
            async with turn(self._turn, lambda: self._stands(asked)) as has_come:
                if not has_come:
                    return
                lease = await self._leases.take(name, self._owner, at_most=self._config.concurrency)
                if lease.taken:
                    await self._held(name, lease, asked, others)
                    return
            if lease.pause_s:
                told = f"its migration failed: {lease.error}"
                raise UnavailableError(told, max(1, round(lease.pause_s)))
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - nobody is to guess it
            pause = min(pause * 2, LONGEST_PAUSE_S)
            if await self._stands(asked):
                return

    async def _stands(self, asked: Asked) -> bool:
        """Whether the tenant is served where it is now.

        Raises:
            UnavailableError: no migration would help.
        """
        verdict = await self._positions.verdict(asked.target)
        if verdict.judgement not in (Judgement.SERVED, Judgement.BEHIND):
            raise UnavailableError(verdict.told)
        return verdict.judgement is Judgement.SERVED

    async def _held(self, name: str, lease: Lease, asked: Asked, others: list[Tenant]) -> None:
        """Migrate with the lease in hand, and give it back."""
        try:
            async with holding(self._leases, name, self._owner):
                if not await self._stands(asked):  # another was quicker, perhaps
                    await self._migrate(asked, others)
                    if not await self._stands(asked):
                        raise MigrationFailedError("somebody moved it back at once")
        except Exception as error:
            raise await self._failed(name, lease, asked, error) from error
        except BaseException:
            await self._leases.give_back(name, self._owner)
            raise
        await self._leases.give_back(name, self._owner)

    async def _migrate(self, asked: Asked, others: list[Tenant]) -> None:
        tenant, started = asked.tenant, time.monotonic()
        tracks = open_tracks(self._config, lambda _chosen: [tenant, *others], self._isolation)
        reached = []
        for judge in self._positions.judges:
            only = judge.track.name
            request = TracksRun(tracks, Command.UPGRADE, judge.goal, only=only, concurrency=1)
            ended = await run(request, Selection(), log_warnings)
            result = next(r for r in results(ended) if r["tenant_id"] == tenant.id)
            if not result["success"]:
                raise MigrationFailedError(result["error"] or "the run gave no reason")
            reached.append(f"from {result['from_revision']} to {result['to_revision']}")
        _log.info(
            "the tenant %r was migrated %s in %.1f s, for its first request",
            tenant.identifier,
            " and ".join(reached),
            time.monotonic() - started,
        )

    async def _failed(
        self, name: str, lease: Lease, asked: Asked, error: Exception
    ) -> UnavailableError:
        """Note the failure, for every process, and say when it is tried again."""
        pause_s = min(FIRST_RETRY_S * 2**lease.failures, LONGEST_RETRY_S)
        told = masked(said(error))
        _log.error(
            "the tenant %r could not be migrated for its request; it is tried again in %.0f s at"
            " the earliest: %s",
            asked.tenant.identifier,
            pause_s,
            told,
            exc_info=None if isinstance(error, TenancyError) else error,
        )
        failures = min(lease.failures + 1, 100)
        await self._leases.fail(name, self._owner, error=told, failures=failures, pause_s=pause_s)
        return UnavailableError(f"its migration failed: {told}", round(pause_s))


def _shared(asked: Asked) -> bool:
    return asked.target.strategy is IsolationStrategy.RLS


def _lease_name(asked: Asked) -> str:
    return f"tenant:{asked.target.database}/{asked.target.schema}"
