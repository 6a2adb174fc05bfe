"""Migrates when an application starts: one process of all that start does it, the others wait."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.config.revisions import AtStart
from fastapi_tenancy.errors import ConfigurationError, MigrationFailedError, said
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.fleet import in_this_loop
from fastapi_tenancy.migrations.running import run
from fastapi_tenancy.migrations.tracks.opening import Opened, open_tracks
from fastapi_tenancy.migrations.tracks.ordering import before
from fastapi_tenancy.migrations.tracks.running import TracksRun
from fastapi_tenancy.model.event import silent
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.required import DEFAULT
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.revisions.ending import judge_end
from fastapi_tenancy.revisions.holding import FIRST_PAUSE_S, LONGEST_PAUSE_S, holding
from fastapi_tenancy.storage.leases import Lease, LeaseTable
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.threads import apart

NAME = "start"
RETRY_S = 2.0
"""Seconds in which no other process tries what failed just now."""

_log = logging.getLogger("fastapi_tenancy")


class StartRun:
    """The run of a start, by one of the processes that share the leases."""

    def __init__(
        self,
        config: TenancyConfig,
        store: TenantStore,
        isolation: IsolationProvider,
        leases: LeaseTable,
    ) -> None:
        self._config = config
        self._store = store
        self._isolation = isolation
        self._leases = leases
        self._owner = uuid.uuid4().hex

    async def run(self) -> None:
        """Return when everything is migrated that has to be.

        A tenant that cannot be migrated is logged, and stops nothing.

        Raises:
            MigrationFailedError: what is not a tenant's could not be migrated; the text says why.
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        chosen = self._chosen()
        work = await apart(lambda: _work(self._config.migrate_at_start, chosen))
        begun, pause = None, FIRST_PAUSE_S
        while True:
            lease = await self._leases.take(NAME, self._owner, work=work, since=begun)
            if lease.taken:
                await self._held(chosen)
                return
            if begun is not None and lease.done_since(begun, work):
                _go_on(lease)
                return
            if begun is None:
                begun = lease.now
                _log.info("another process migrates at its start; waiting for it")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _chosen(self) -> tuple[Opened, ...]:
        tenants = in_this_loop(self._store, self._isolation)
        every = open_tracks(self._config, tenants, self._isolation)
        if self._config.migrate_at_start is AtStart.ALL:
            return every
        shared = tuple(_without_tenants(every))
        if not shared:
            raise ConfigurationError(
                "migrate_at_start is 'shared', but the settings name no track that is shared: give"
                " what everybody uses a track of its own (scope shared, shard or database, not"
                " after one of the tenants), or set migrate_at_start to all, or to no"
            )
        return shared

    async def _held(self, chosen: tuple[Opened, ...]) -> None:
        """Run with the lease in hand, and give it back."""
        try:
            async with holding(self._leases, NAME, self._owner):
                await self._migrate(chosen)
        except Exception as error:
            told = masked(said(error))
            await self._leases.fail(NAME, self._owner, error=told, failures=1, pause_s=RETRY_S)
            raise
        except BaseException:
            await self._leases.give_back(NAME, self._owner)
            raise
        await self._leases.end(NAME, self._owner)

    async def _migrate(self, chosen: tuple[Opened, ...]) -> None:
        _log.info("migrating at the start: %s", ", ".join(_names(chosen)))
        request = TracksRun(chosen, Command.UPGRADE, DEFAULT)
        ended = await run(request, Selection(), silent)
        await apart(lambda: judge_end(ended, request.asked))


def _go_on(lease: Lease) -> None:
    """What another process has come to.

    Raises:
        MigrationFailedError: it failed.
    """
    if lease.error is not None:
        raise MigrationFailedError(f"another process that started failed to migrate: {lease.error}")
    _log.info("another process has migrated; going on")


def _names(opened: tuple[Opened, ...]) -> Iterator[str]:
    return (o.track.name or "the tenants" for o in opened)


def _without_tenants(every: tuple[Opened, ...]) -> Iterator[Opened]:
    """The tracks that are not the tenants', and do not wait for theirs."""
    tracks = tuple(opened.track for opened in every)
    for opened in every:
        together = (opened.track, *before(opened.track, tracks))
        if all(track.scope is not Scope.TENANT for track in together):
            yield opened


def _work(what: AtStart, chosen: tuple[Opened, ...]) -> str:
    """What is to be done, as text: processes with the same scripts and settings have the same."""
    parts = []
    for opened in chosen:
        asked = opened.track.asked(DEFAULT)
        heads = opened.fleet.history().position_of(asked)
        parts.append(f"{opened.track.name}={'+'.join(heads)}")
    return f"{what.value}: {', '.join(parts)}"
