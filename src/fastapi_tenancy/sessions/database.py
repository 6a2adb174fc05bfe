"""One PostgreSQL database as sessions use it: its engine, and what was found out about it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.resolving.remembered import Remembered
from fastapi_tenancy.sessions.aim import OPTION, Aim
from fastapi_tenancy.sessions.allowance import Allowance
from fastapi_tenancy.sessions.bypass import require_no_bypass
from fastapi_tenancy.sessions.course import AimedConnection
from fastapi_tenancy.sessions.drivers import open_engine
from fastapi_tenancy.sessions.leftovers import DIRECT, every_setting, pooled
from fastapi_tenancy.sessions.watch import watch

_REMEMBERED = 10_000
"""Schemas that were found; one that is not known costs a round trip more."""
KNOWN_S = 60.0
"""Seconds after which a schema is looked for again: it may have been dropped."""


class Database:
    """An engine whose sessions each have an aim."""

    def __init__(
        self, address: str, driver: str, config: TenancyConfig, allowance: Allowance
    ) -> None:
        self._config = config
        self._direct: bool | None = None
        self._guarded = False
        self._found: Remembered[str, bool] = Remembered(_REMEMBERED, KNOWN_S)
        self._changes = 0
        self._engine = open_engine(address, driver, config, allowance, self._connected)
        watch(self._engine.sync_engine, self._admit)

    def engine(self, aim: Aim) -> AsyncEngine:
        """The engine as a session of that aim sees it; its connections are those of all."""
        return self._engine.execution_options(**{OPTION: aim}, **aim.options)

    async def close(self) -> None:
        """Close the connections that are idle, and those in use once they are given back."""
        await self._engine.dispose()

    def forget(self, aim: Aim) -> None:
        """Look again whether a schema is there, and how its types are made."""
        self._found.forget([aim.schema])
        self._changes += 1

    async def _connected(self, connection: AimedConnection) -> None:
        if self._direct is None:
            query = f"SELECT 1 WHERE pg_catalog.pg_backend_pid() = {connection.pid()}"
            self._direct = await connection.found(query)
        connection.course.pooled = not self._direct
        connection.course.behind = DIRECT if self._direct else pooled(self._config.rls_setting)
        connection.course.settings = () if self._direct else every_setting(connection.reported)
        connection.course.changes = self._changes

    def _admit(self, aim: Aim, connection: AimedConnection) -> None:
        if connection.course.changes != self._changes:
            connection.course.changes = self._changes
            await_only(connection.forget_types())
        if aim.guarded and not self._guarded:
            await_only(require_no_bypass(connection, self._config))
            self._guarded = True
        if aim.schema:
            self._require_schema(aim, connection)

    def _require_schema(self, aim: Aim, connection: AimedConnection) -> None:
        if self._found.get(aim.schema):
            return
        query = f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {literal(aim.schema)}"
        if not await_only(connection.found(query)):
            raise PlacementError(
                f"{aim.whose} has no schema {aim.schema!r} here: its sessions would work in tables"
                " of others. `tenancy upgrade --create` makes it"
            )
        self._found.put(aim.schema, True)
