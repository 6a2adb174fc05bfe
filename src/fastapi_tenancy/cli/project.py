"""From the options of a command to the project and its tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from fastapi_tenancy.cli.tracked import meant, named

if TYPE_CHECKING:
    from fastapi_tenancy.cli.parameters import Where
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.migrations.fleet import Fleet
    from fastapi_tenancy.migrations.tracks.opening import Opened
    from fastapi_tenancy.storage.protocol import TenantStore

T = TypeVar("T")


def open_config(where: Where) -> TenancyConfig:
    """The configuration, with what the command line says.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.opening import complete

    _refuse_settings_elsewhere(where)
    return complete(
        TenancyConfig(
            alembic_ini=where.config, alembic_section=where.name, database_url=where.database_url
        )
    )


def _refuse_settings_elsewhere(where: Where) -> None:
    """Settings hold paths that are relative to the folder they are in."""
    from fastapi_tenancy.errors import ConfigurationError
    from fastapi_tenancy.settings import settings_file

    if where.config is None:
        return
    folder = where.config.parent
    if not folder.is_dir() or folder.samefile("."):
        return
    theirs = settings_file(folder)
    if theirs is None:
        return
    raise ConfigurationError(
        f"{theirs} holds the settings of this project, but settings are read from the working"
        f" directory; cd {folder} first. Nothing was changed"
    )


def open_tracks(where: Where) -> tuple[Opened, ...]:
    """Every track of the project, with its catalogue.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    from fastapi_tenancy.migrations.fleet import in_own_loop
    from fastapi_tenancy.migrations.tracks.opening import open_tracks
    from fastapi_tenancy.opening import open_isolation

    config = open_config(where)
    isolation = open_isolation(config)
    return open_tracks(config, in_own_loop(_lasting_store(config), isolation), isolation)


def chosen_tracks(where: Where) -> tuple[Opened, ...]:
    """The tracks that the options name: one of them, or all.

    Raises:
        ConfigurationError: a setting that cannot be used, or there is no such track.
    """
    every = open_tracks(where)
    wanted = named(where, tuple(o.track for o in every))
    return tuple(o for o in every if wanted in (None, o.track))


def open_tenants(where: Where) -> Fleet:
    """The tenants, whichever track they are looked at for.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    from fastapi_tenancy.migrations.fleet import Fleet, in_own_loop
    from fastapi_tenancy.opening import open_isolation

    config = open_config(where)
    isolation = open_isolation(config)
    return Fleet(config, in_own_loop(_lasting_store(config), isolation), isolation)


def meant_track(where: Where) -> tuple[Opened, tuple[Opened, ...]]:
    """The one track that is meant, and all tracks of the project.

    Raises:
        ConfigurationError: a setting that cannot be used, or nothing says which track is meant.
    """
    every = open_tracks(where)
    wanted = meant(where, tuple(o.track for o in every))
    return next(o for o in every if o.track is wanted), every


def open_fleet(where: Where) -> Fleet:
    """The one track that is meant, with its catalogue.

    Raises:
        ConfigurationError: a setting that cannot be used, or nothing says which track is meant.
    """
    return meant_track(where)[0].fleet


def open_history(where: Where) -> History:
    """The scripts alone: neither a server nor a catalogue is needed for them.

    Raises:
        ConfigurationError: no alembic.ini, or scripts that cannot be loaded; or nothing says which
            track is meant.
    """
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.migrations.tracks.ordering import tracks_of

    track = meant(where, tracks_of(open_config(where)))
    return History(track.ini, track.section)


def with_store(config: TenancyConfig, work: Callable[[TenantStore], Awaitable[T]]) -> T:
    """Return what ``work`` returns for the catalogue, which is closed afterwards."""

    async def go() -> T:
        store = _lasting_store(config)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(go())


def _lasting_store(config: TenancyConfig) -> TenantStore:
    """The catalogue; a command ends, and would forget what it kept in memory."""
    from fastapi_tenancy.errors import ConfigurationError
    from fastapi_tenancy.opening import open_store
    from fastapi_tenancy.storage.database import in_memory

    if config.schema_pattern is None and in_memory(config.catalogue_url):
        raise ConfigurationError(
            f"catalogue_url is {str(config.catalogue_url)!r}, a database in memory, which is gone"
            " when the command ends. Name a file, such as sqlite:///tenancy.db, or a PostgreSQL"
            " database (catalogue_url, TENANCY_CATALOGUE_URL)"
        )
    return open_store(config)
