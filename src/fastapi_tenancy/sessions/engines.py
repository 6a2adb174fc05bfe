"""The engines of a program: one for each database in use, and no more than it may keep."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.model.url import is_postgresql, place_of, with_database
from fastapi_tenancy.sessions.aim import Aim
from fastapi_tenancy.sessions.allowance import Allowance
from fastapi_tenancy.sessions.database import Database
from fastapi_tenancy.sessions.endings import Endings
from fastapi_tenancy.sessions.file import File


class Place(NamedTuple):
    """What tells one engine from another."""

    address: str
    driver: str


@dataclass(eq=False, slots=True)
class Lease:
    """A database with an open engine, and how many use it."""

    database: Database | File
    users: int = 0
    dropped: bool = False
    """True when nobody else will get it: the last user closes it."""


class Engines:
    """Opens a database's engine when it is first used, and closes those unused for longest."""

    def __init__(self, config: TenancyConfig, endings: Endings) -> None:
        self._config = config
        self._endings = endings
        self._open: OrderedDict[Place, Lease] = OrderedDict()
        """The one that was unused longest first."""
        self._servers: WeakValueDictionary[str, Allowance] = WeakValueDictionary()

    async def take(self, place: Place) -> Lease:
        """The database at a place, to be given back."""
        if place not in self._open:
            self._open[place] = Lease(self._opened(place))
        lease = self._open[place]
        self._open.move_to_end(place)
        lease.users += 1
        try:
            await self._close_some()
        except BaseException:
            self._endings.start(self.give_back(lease))
            raise
        return lease

    async def give_back(self, lease: Lease) -> None:
        """Say that a session of it has ended."""
        lease.users -= 1
        if lease.dropped and not lease.users:
            await lease.database.close()
        else:
            await self._close_some()

    async def forget(self, place: Place, aim: Aim, *, alone: bool) -> None:
        """Drop what is kept for a tenant, with the engine where it has one ``alone``."""
        if place not in self._open:
            return
        if alone:
            await self._drop(place)
        else:
            self._open[place].database.forget(aim)

    async def close(self) -> None:
        """Close what is idle, and what is in use once it is given back."""
        while self._open:
            await self._drop(next(iter(self._open)))

    async def _drop(self, place: Place) -> None:
        lease = self._open.pop(place)
        lease.dropped = True
        await self._endings.finish(lease.database.close())

    async def _close_some(self) -> None:
        surplus = len(self._open) - self._config.session_engines
        if surplus <= 0:
            return
        unused = [place for place, lease in self._open.items() if not lease.users]
        closing = [self._open.pop(place).database for place in unused[:surplus]]
        for database in closing:
            await self._endings.finish(database.close())

    def _opened(self, place: Place) -> Database | File:
        if not is_postgresql(place.address):
            return File(place.address, self._config)
        server = place_of(with_database(place.address, ""))
        allowance = self._servers.get(server) or Allowance(self._config.session_connections)
        self._servers[server] = allowance
        return Database(place.address, place.driver, self._config, allowance)
