"""An engine of SQLAlchemy for an address, with the driver that the settings name."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import database_of, masked, sync_url
from fastapi_tenancy.sessions.allowance import Allowance
from fastapi_tenancy.sessions.course import AimedConnection
from fastapi_tenancy.sessions.pool import SharedPool
from fastapi_tenancy.sessions.returned import make_ready
from fastapi_tenancy.sessions.silence import Silence
from fastapi_tenancy.sessions.with_psycopg import PsycopgConnection

Connected = Callable[[AimedConnection], Awaitable[None]]
"""Told of each new connection, before anybody else."""

_NO_DATABASE = re.compile(r'database "[^"]*" does not exist|no such database')
"""What a server says, and PgBouncer."""

_APPLICATION = "fastapi-tenancy"
_ASYNCPG_READS = frozenset(
    (
        *("application_name", "gsslib", "krbsrvname", "options", "passfile", "service"),
        *("servicefile", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert"),
        *("sslcrl", "sslkey", "sslmode", "sslpassword", "sslrootcert", "target_session_attrs"),
    )
)
"""Arguments of a URL that asyncpg understands; it would take others for settings of the server."""


def driver_for(config: TenancyConfig, target: Target | None = None) -> str:
    """The driver of the sessions at a target; without one, of those that are of no tenant.

    The URL that names the place says it. For a tenant's database that is its own, the template of
    its shard or of the settings, or the URL beside which it lives; else that of what it shares.
    """
    if target is None:
        return driver_of(config.database_url or "")
    tenant, alone = target.tenant, target.strategy is IsolationStrategy.DATABASE
    if alone and tenant.database_url:
        return driver_of(tenant.database_url)
    home = config.shards.get(tenant.shard or "", config)
    template = home.database_url_template if alone else None
    url = home.database_url if isinstance(home, TenancyConfig) else home.url
    return driver_of(template or url or "")


def driver_of(url: str) -> str:
    """The asynchronous driver that a URL asks for."""
    return "asyncpg" if url.partition("://")[0].endswith("+asyncpg") else "psycopg"


def open_engine(
    address: str,
    driver: str,
    config: TenancyConfig,
    allowance: Allowance,
    connected: Connected,
) -> AsyncEngine:
    """An engine for a PostgreSQL address; it connects when it is first used.

    No statement stays prepared: after a migration, or behind a pooler, it would be another one.
    """
    make = _asyncpg if driver == "asyncpg" else _psycopg
    url, arguments = make(address, config, connected)
    return create_async_engine(
        make_url(url),
        connect_args=arguments,
        poolclass=SharedPool,
        allowance=allowance,
        kept=config.session_pool_size,
        most=config.session_pool_size + config.session_max_overflow,
        patience_s=config.session_pool_timeout_s,
        returned=make_ready,
    )


def _psycopg(
    address: str, config: TenancyConfig, connected: Connected
) -> tuple[str, dict[str, Any]]:
    silence = Silence(psycopg.OperationalError)

    async def connect(**arguments: Any) -> PsycopgConnection:
        with silence.broken():
            try:
                connection = await PsycopgConnection.connect(**arguments)
            except psycopg.OperationalError as error:
                _require_database(address, str(error), error)
                raise error.with_traceback(None) from None
            except BaseException as error:
                # Its frames would hold a connection that is half made open, beyond the allowance.
                raise error.with_traceback(None) from None
        try:
            await connected(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    arguments: dict[str, Any] = {
        "async_creator_fn": connect,
        "prepare_threshold": None,
        "fallback_application_name": _APPLICATION,
    }
    if "connect_timeout=" not in address:
        # libpq takes whole seconds and reads 0 as no limit.
        arguments["connect_timeout"] = max(1, math.ceil(config.connect_timeout_s))
    return sync_url(address), arguments


def _asyncpg(
    address: str, config: TenancyConfig, connected: Connected
) -> tuple[str, dict[str, Any]]:
    try:
        import asyncpg

        from fastapi_tenancy.sessions.with_asyncpg import AsyncpgConnection
    except ImportError as error:
        raise ConfigurationError(
            "the database URL names the driver asyncpg, which is not installed: pip install"
            " asyncpg, or write postgresql:// to use psycopg"
        ) from error
    where = _for_asyncpg(address, config.connect_timeout_s)

    silence = Silence(TimeoutError)

    async def connect() -> AsyncpgConnection:
        with silence.broken():
            try:
                connection: AsyncpgConnection = await asyncpg.connect(
                    connection_class=AsyncpgConnection, statement_cache_size=0, **where
                )
            except asyncpg.InvalidCatalogNameError as error:
                raise _missing(address) from error
            except TimeoutError as error:
                told = f"{masked(address)} gave no answer in {where['timeout']:g} s"
                raise TimeoutError(told) from error
        try:
            await connected(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    return "postgresql+asyncpg://", {
        "async_creator_fn": connect,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": str,  # "": a statement without a name
    }


def _require_database(address: str, said: str, error: Exception) -> None:
    """Tell a database that is not there from a server that takes no connection."""
    # libpq passes no code on while connecting; a server that speaks another language is not
    # understood, and its own error is raised.
    if _NO_DATABASE.search(said):
        raise _missing(address) from error.with_traceback(None)


def _missing(address: str) -> PlacementError:
    return PlacementError(
        f"the database {database_of(address)!r} is not there (at {masked(address)}):"
        " `tenancy upgrade --create` makes a tenant's; otherwise check the name in its URL"
    )


def _for_asyncpg(address: str, timeout_s: float) -> dict[str, Any]:
    """What libpq reads in an address, as asyncpg takes it."""
    given = {key: str(value) for key, value in conninfo_to_dict(address).items()}
    rest = {"application_name": _APPLICATION}
    rest |= {key: value for key, value in given.items() if key in _ASYNCPG_READS}
    waits = given.get("connect_timeout", "")
    ports = [int(port) for port in given.get("port", "").split(",") if port]
    return {
        "dsn": "postgresql:///?" + urlencode(rest, quote_via=quote),
        "host": given["host"].split(",") if "host" in given else None,
        "port": ports[0] if len(ports) == 1 else ports or None,
        "user": given.get("user"),
        "password": given.get("password"),
        "database": given.get("dbname"),
        "timeout": float(waits) if waits.isdigit() and int(waits) else timeout_s,
    }
