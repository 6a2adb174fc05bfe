"""The engines of a program: one for each database in use."""

from __future__ import annotations

from typing import NamedTuple

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.sessions.aim import Aim
from fastapi_tenancy.sessions.database import Database


class Place(NamedTuple):
    """What tells one engine from another."""

    address: str
    driver: str


class Engines:
    """Opens a database's engine when it is first used, and closes those that are not."""

    def __init__(self, config: TenancyConfig) -> None:
        self._config = config
        self._open: dict[Place, Database] = {}

    def take(self, place: Place) -> Database:
        """The database at a place, to be given back."""
        if place not in self._open:
            self._open[place] = Database(place.address, place.driver, self._config)
        return self._open[place]

    async def give_back(self, database: Database) -> None:
        """Say that a session has ended."""

    async def forget(self, place: Place, aim: Aim) -> None:
        """Drop what is kept for a tenant."""
        if place in self._open:
            self._open[place].forget(aim)

    async def close(self) -> None:
        """Close them all."""
        for database in self._open.values():
            await database.close()
        self._open.clear()
