"""Where a track goes that is not about tenants."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from alembic.config import Config

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import load_config
from fastapi_tenancy.isolation.homes import Home, Homes
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.track import Scope, Track
from fastapi_tenancy.model.url import DatabaseUrl, accepted, address_of, is_postgresql

_NO_URL = (
    "the track {track!r} has no database: set tracks.{track}.url, or sqlalchemy.url in [{section}]"
    " of {ini}, or there `databases = ...` and a section with sqlalchemy.url for each"
)


def fixed_targets(config: TenancyConfig, track: Track) -> tuple[Target, ...]:
    """The places of a track of the scope shared, shard or database.

    Raises:
        ConfigurationError: nothing says in which database it is.
    """
    if track.scope is Scope.DATABASE:
        return tuple(_database(track, name, url) for name, url in _databases(track))
    return tuple(_shared(config, track))


def _shared(config: TenancyConfig, track: Track) -> Iterator[Target]:
    homes: dict[str, list[Home]] = {}
    for home in Homes(config):
        homes.setdefault(home.place, []).append(home)  # database_url may be that of a shard too
    if not homes:
        raise ConfigurationError(
            f"the track {track.name!r} is for shared tables, and no database_url says where: set"
            " TENANCY_DATABASE_URL, or database_url in tenancy.toml, or sqlalchemy.url in"
            " alembic.ini"
        )
    for same in homes.values():
        if not is_postgresql(same[0].url):  # a file has no schemas
            yield _target(track, "", same, IsolationStrategy.DATABASE)
        elif track.scope is Scope.SHARD:
            yield _target(track, "", same, IsolationStrategy.RLS)
        else:
            yield _target(track, _schema(track), same, IsolationStrategy.SCHEMA)


def _schema(track: Track) -> str:
    name = track.schema_name or track.name
    quote(name)
    if name.startswith("pg_") or name in ("information_schema", "$user"):
        raise ConfigurationError(
            f"the track {track.name!r} would be in the schema {name!r}, which is PostgreSQL's own;"
            " give it another one (schema_name)"
        )
    return name


def _target(track: Track, schema: str, same: list[Home], strategy: IsolationStrategy) -> Target:
    """A place, with a stand-in for each shard it is that of."""
    name = schema or track.name
    stand_ins = tuple(_stand_in(track, name, home.shard) for home in same)
    return Target(schema, stand_ins, same[0].place, same[0].address, strategy)


def _database(track: Track, name: str, url: DatabaseUrl) -> Target:
    stand_in = _stand_in(track, name)
    return Target("", (stand_in,), place(url), address_of(url), IsolationStrategy.DATABASE)


def _stand_in(track: Track, name: str, shard: str | None = None) -> Tenant:
    """Whom ``current_tenant()`` answers with in revisions of the track."""
    tags = MappingProxyType({"track": track.name, "scope": track.scope.value})
    named = name if shard is None else f"{name}@{shard}"
    return Tenant(id=f"{track.name}:{named}", identifier=named, tags=tags, shard=shard)


def _databases(track: Track) -> Iterator[tuple[str, DatabaseUrl]]:
    """Each database of a track by its name: as the settings say, or as Alembic's multidb does."""
    if track.url is not None:
        yield track.name, track.url
        return
    config = load_config(track.ini, track.section)
    several = config.get_section_option(track.section, "databases")
    for name in [n.strip() for n in several.split(",")] if several else [track.section]:
        yield (name if several else track.name), _url(config, track, name)


def _url(config: Config, track: Track, section: str) -> DatabaseUrl:
    url = config.get_section_option(section, "sqlalchemy.url")
    if not url or url.startswith("driver://"):
        raise ConfigurationError(_NO_URL.format(track=track.name, section=section, ini=track.ini))
    return accepted(url)
