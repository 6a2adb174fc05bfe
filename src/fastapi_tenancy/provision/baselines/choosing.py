"""Chooses the road by which a new tenant is made: a baseline, or the history itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import closing
from dataclasses import dataclass

import psycopg

from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.moved import telling
from fastapi_tenancy.model.event import Listener, RoadChosen, TargetFinished
from fastapi_tenancy.model.outcome import Outcome
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.provision.baselines.applying import (
    PlaceIsThereError,
    PrivilegesChangedError,
    apply,
)
from fastapi_tenancy.provision.baselines.head import Head
from fastapi_tenancy.provision.baselines.heads import Heads
from fastapi_tenancy.provision.baselines.making import make
from fastapi_tenancy.provision.baselines.shelf import Choice, Keeps, Shelf
from fastapi_tenancy.provision.baselines.surroundings import privileges
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.threads import Threads

KNOWN_S = 3600.0
"""Seconds in which a server is taken to be as it was; default rights are compared each time."""

_WRONG = (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError)
"""What a server says of a script that the next tenant would not get either."""
_ODD = set("'\\$")
"""What means something else within a string of a script."""

_log = logging.getLogger("fastapi_tenancy")


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of a place, and why; without an outcome, it is for its history to make."""

    outcome: Outcome | None = None
    reason: str = ""

    @property
    def road(self) -> str:
        return "history" if self.outcome is None else self.outcome.road


class Baselines:
    """The baselines of one configuration; safe to use from any thread and event loop.

    Args:
        isolation: says where tenants live.
        keeps: where other processes find them; without it they are this process's own.
    """

    def __init__(self, isolation: IsolationProvider, keeps: Keeps | None = None) -> None:
        self._isolation = isolation
        self._heads = Heads(isolation)
        self._shelf = Shelf(keeps)
        self._threads = Threads(isolation.config.concurrency, "tenancy-creating")
        self._making = threading.Lock()
        self._versions: Remembered[str, str] = Remembered(1000, KNOWN_S)

    async def make(self, target: Target, listener: Listener) -> bool:
        """Make the place of a new tenant; False where its history has to be replayed.

        Nothing is left then. ``listener`` is told which of both it is, and why.
        """
        loop = asyncio.get_running_loop()
        made = await self._threads.run(lambda: self._made(target, loop))
        listener(RoadChosen(target, made.road, made.reason))
        if made.outcome is not None:
            telling(listener)(TargetFinished(made.outcome))
        return made.outcome is not None

    def _made(self, target: Target, loop: asyncio.AbstractEventLoop) -> _Made:
        if target.strategy is not IsolationStrategy.SCHEMA:
            return _Made(reason="a baseline is made for schemas only")
        if _ODD & set(target.schema):
            return _Made(reason="the name of the schema does not fit into a script as it is")
        try:
            return self._by_baseline(target, loop)
        except PlaceIsThereError as error:
            return _Made(reason=str(error))
        except (TenancyError, psycopg.Error) as error:
            told = masked(" ".join(str(error).split()))
            _log.warning("tenant %r is made by its history: %s", target.tenant.identifier, told)
            return _Made(reason=told)

    def _by_baseline(self, target: Target, loop: asyncio.AbstractEventLoop) -> _Made:
        head = self._heads.head(target)
        key = f"{head.digest}-{self._facts(target)}" if head.digest else ""
        choice = self._choice(head, key, target, loop)
        if choice.baseline is None:
            return _Made(reason=choice.reason)
        try:
            outcome = apply(choice.baseline, target, self._isolation, head.version_table)
        except (MigrationFailedError, *_WRONG) as error:
            self._shelf.refuse(key, masked(" ".join(str(error).split())))
            raise
        except PrivilegesChangedError:
            self._versions.clear()
            raise
        told = f"what the migrations built once for {', '.join(head.heads)}, proven again"
        return _Made(outcome, told)

    def _choice(
        self, head: Head, key: str, beside: Target, loop: asyncio.AbstractEventLoop
    ) -> Choice:
        """The baseline of this head, as it is known, kept or made now; or why there is none."""
        if head.reason:
            return Choice(reason=head.reason)
        known = self._shelf.known(key)
        if known is not None:
            return known
        with self._making:  # of several who need it, one makes it
            return self._shelf.known(key) or self._found_or_made(head, key, beside, loop)

    def _found_or_made(
        self, head: Head, key: str, beside: Target, loop: asyncio.AbstractEventLoop
    ) -> Choice:
        kept = self._shelf.kept(key, loop)
        if kept is not None:
            return kept
        try:
            baseline = make(head, key, beside)
        except (TenancyError, psycopg.Error) as error:
            told = masked(" ".join(str(error).split()))
            _log.info("new tenants are made by their history: %s", told)
            return self._shelf.refuse(key, told)
        return self._shelf.keep(baseline, loop)

    def _facts(self, target: Target) -> str:
        """The version of a server and its default rights: another may not take what one makes."""
        known = self._versions.get(target.server)
        if known is None:
            timeout = self._isolation.config.connect_timeout_s
            with closing(connect(target.address, timeout)) as connection:
                major = connection.info.server_version // 10000
                known = f"{major}-{privileges(connection)}"
            self._versions.put(target.server, known)
        return known
