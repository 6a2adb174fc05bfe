"""Reads where tenants stand when requests ask: a few at a time on each server."""

from __future__ import annotations

import asyncio
import logging
import weakref

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.lines import KEPT_S
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.revisions.judge import Verdict
from fastapi_tenancy.revisions.looking import Looker, answered
from fastapi_tenancy.threads import apart

AT_ONCE = 4
"""Looks at a time at each server."""
PAUSE_S = 1.0
"""Seconds in which a server that took no connection is not asked again."""
KNOWN_S = 60.0
"""Seconds for which a server that has answered is taken to be there."""
TOLD_S = 300.0
"""Seconds after which the log is told again of a server that is away."""

_log = logging.getLogger("fastapi_tenancy")


class Positions:
    """Where tenants stand, as the application judges it."""

    def __init__(self, looker: Looker) -> None:
        self.judges = looker.judges
        self._looker = looker
        self._turns: weakref.WeakValueDictionary[str, _Turns] = weakref.WeakValueDictionary()
        self._answered: Remembered[str, bool] = Remembered(1000, KNOWN_S)
        self._away: Remembered[str, str] = Remembered(1000, PAUSE_S)
        self._told: Remembered[str, str] = Remembered(1000, TOLD_S)
        self._sweeping: asyncio.TimerHandle | None = None

    async def verdict(self, target: Target) -> Verdict:
        """Whether the application serves who lives there, read now.

        Raises:
            ServerUnreachableError: its server cannot be asked.
        """
        server = _server(target)
        turns = self._turns.get(server) or _Turns()
        self._turns[server] = turns
        if self._answered.get(server) is None:
            async with turns.first:  # one finds out whether it is there, and the others wait for it
                if self._answered.get(server) is None:
                    return await self._look(target, server)
        async with turns.all:
            return await self._look(target, server)

    async def _look(self, target: Target, server: str) -> Verdict:
        away = self._away.get(server) or self._away.get(target.database)
        if away is not None:
            raise ServerUnreachableError(away)
        try:
            verdict = await apart(lambda: self._looker.verdict(target))
        except ServerUnreachableError as error:
            self._note(target, str(error))
            raise
        else:
            self._answered.put(server, True)
            return verdict
        finally:
            self._sweep_later()

    def close(self) -> None:
        """End the timer; the looker is closed by whoever made it."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _note(self, target: Target, problem: str) -> None:
        """Leave who was not reached alone for a moment, and say so now and then."""
        whose = target.database if answered(problem) else _server(target)
        self._away.put(whose, problem)
        self._answered.forget([whose])
        if self._told.get(whose) is None:
            self._told.put(whose, problem)
            _log.error("positions cannot be read: %s", problem)

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(KEPT_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        if self._looker.lines.sweep():
            self._sweep_later()


class _Turns:
    """Who may look at a server: one until it has answered, then a few at a time."""

    def __init__(self) -> None:
        self.first = asyncio.Lock()
        self.all = asyncio.Semaphore(AT_ONCE)


def _server(target: Target) -> str:
    """Its server; files count by their folder."""
    return target.server or target.database.rpartition("/")[0]
