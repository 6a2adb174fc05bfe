"""The SQLite file of a tenant as sessions use it."""

from __future__ import annotations

import sqlite3
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.place import file_of
from fastapi_tenancy.sessions.aim import Aim
from fastapi_tenancy.sessions.contact import keep_contact
from fastapi_tenancy.sessions.pool import SharedPool


class File:
    """An engine for a file that is there; nothing makes one by looking."""

    def __init__(self, address: str, config: TenancyConfig) -> None:
        if find_spec("aiosqlite") is None:
            raise ConfigurationError(
                "sessions of SQLite files need the driver aiosqlite, which is not installed:"
                " pip install aiosqlite"
            )
        self._path: Path | None = file_of(address)
        self._engine = create_async_engine(
            "sqlite+aiosqlite:" + address.partition(":")[2],
            poolclass=SharedPool,
            kept=config.session_pool_size,
            most=config.session_pool_size + config.session_max_overflow,
            patience_s=config.session_pool_timeout_s,
        )
        keep_contact(self._engine.sync_engine, _is_no_database)

    def engine(self, aim: Aim) -> AsyncEngine:
        """The engine, which only one tenant uses.

        Raises:
            PlacementError: the file is not there.
        """
        if self._path is not None and not self._path.exists():
            raise PlacementError(
                f"{aim.whose} has no file {str(self._path)!r} here; `tenancy upgrade --create`"
                " makes it"
            )
        return self._engine

    async def close(self) -> None:
        """Close the connections that are idle, and those in use once they are given back."""
        await self._engine.dispose()

    def forget(self, aim: Aim) -> None:
        """Nothing was found out about it."""


def _is_no_database(_: Connection, context: ExceptionContext) -> bool:
    """Whether the file holds something else, which SQLite finds out with the first statement."""
    code = getattr(context.original_exception, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_NOTADB
